//! The days of `before:` and `after:`.

/// When the day `YYYY-MM-DD` begins in UTC, in milliseconds since 1970; none if there is no such day.
pub(super) fn begin_ms(text: &str) -> Option<i64> {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !well_formed {
        return None;
    }
    let mut numbers = text.split('-').map(str::parse);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (numbers.next(), numbers.next(), numbers.next())
    else {
        return None;
    };
    let exists = year >= 1 && (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    exists.then(|| days_before(year, month, day) * 24 * 60 * 60 * 1_000)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to this one (Gregorian).
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let of_years = past * 365 + past / 4 - past / 100 + past / 400;
    let of_months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    of_years + of_months + day - 1 - DAYS_TO_1970
}

/// From 0001-01-01.
const DAYS_TO_1970: i64 = 719_162;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_where_the_calendar_says() {
        let days = [
            ("1970-01-01", Some(0)),
            ("1969-12-31", Some(-86_400_000)),
            ("2000-02-29", Some(951_782_400_000)),
            ("2026-03-01", Some(1_772_323_200_000)),
            ("9999-12-31", Some(253_402_214_400_000)),
            ("2026-02-29", None),
            ("2026-04-31", None),
            ("2026-13-01", None),
            ("2026-00-10", None),
            ("0000-01-01", None),
            ("2026-1-1", None),
            ("+026-01-01", None),
            ("20260-1-01", None),
            ("\u{661}\u{662}\u{660}-01", None),
            ("", None),
        ];
        for (text, begin) in days {
            assert_eq!(begin_ms(text), begin, "{text}");
        }
    }
}
