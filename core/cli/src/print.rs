//! How things look: lines for people, JSON for scripts. Text from others goes through [`safe`].

use portico_core::Portal;
use portico_core::portal::Connection;
use portico_core::push::tap::{Shown, TapTarget};
use portico_core::store::EntryStanding;
use portico_core::timeline::item::{ConversationRow, Delivery, Echo, TimelineItem};
use portico_wire::entry::{AccessNote, Entry, EntryKind};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::phone::CliError;
use crate::words;

/// Prints one JSON document on its line.
pub(crate) fn json(value: &Value) {
    println!("{value}");
}

/// Prints why a command was not done.
pub(crate) fn failed(as_json: bool, fault: &CliError) {
    if as_json {
        json(&json!({ "error": words::error(fault) }));
    } else {
        eprintln!("{}", words::error(fault));
    }
}

/// Says honestly how old what was shown is.
pub(crate) fn honest(portal: &Portal) -> Result<(), CliError> {
    let last = portal.last_contact_ms()?.map(time);
    if let Some(line) = words::connection(portal.connection(), last) {
        println!("{line}");
    }
    Ok(())
}

/// The connection as JSON.
pub(crate) fn connection(portal: &Portal) -> Result<Value, CliError> {
    let state = match portal.connection() {
        Connection::Unknown => "unknown",
        Connection::Online => "online",
        Connection::Offline(fault) => fault.as_str(),
        Connection::SignedOut => "signed_out",
        Connection::Closed => "closed",
        Connection::Wiped => "wiped",
    };
    Ok(json!({ "state": state, "last_contact_ms": portal.last_contact_ms()? }))
}

/// A QR code, two rows in a line of the terminal; nothing where the text is too long for one.
pub(crate) fn qr(text: &str) -> String {
    use qrcode::render::unicode::Dense1x2;
    let Ok(code) = qrcode::QrCode::new(text.as_bytes()) else { return String::new() };
    // Light on dark, as most terminals are: cameras read both.
    code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build()
}

/// UTC, to the second. A time beyond the calendar reads as 1970.
pub(crate) fn time(ms: i64) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC", u8::from(month))
}

/// Text of others without the control characters that could drive a terminal. JSON has the exact bytes.
pub(crate) fn safe(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => '\u{FFFD}',
            c if c.is_control() => '\u{FFFD}',
            c => c,
        })
        .collect()
}

pub(crate) fn conversation_line(number: usize, row: &ConversationRow) {
    let unread = if row.unread > 0 { format!(" ({} unread)", row.unread) } else { String::new() };
    let unsent = if row.unsent > 0 { format!(" ({} unsent)", row.unsent) } else { String::new() };
    let state = words::state(row.head.state);
    println!(
        "{number:>3}  {}{unread}{unsent}  {} {state}",
        safe(&row.head.title),
        words::kind(row.head.kind)
    );
    if let Some(newest) = &row.newest {
        let line: String = safe(&newest.body).replace('\n', " ").chars().take(70).collect();
        println!("     {}: {line}", safe(&newest.author_name));
    }
}

pub(crate) fn conversation_json(row: &ConversationRow) -> Value {
    json!({ "head": row.head, "newest": row.newest, "unread": row.unread, "unsent": row.unsent })
}

pub(crate) fn item_line(item: &TimelineItem) {
    match item {
        TimelineItem::Logged { entry, standing, offered_again, .. } => {
            let note = match standing {
                _ if *offered_again => "  [being sent again: the server was restored]",
                EntryStanding::Held => "",
                EntryStanding::Unconfirmed => "  [from before the server was restored]",
                EntryStanding::Missing => "  [the restored server does not have this]",
            };
            println!("{}", entry_line(entry, note));
            for (number, file) in (1..).zip(&entry.files) {
                file_line(number, &file.name, file.size_bytes, &file.media_type);
            }
        }
        TimelineItem::Gap { from_seq, to_seq } => {
            println!(
                "  ... {} not on this phone yet (portico read --before {})",
                to_seq - from_seq + 1,
                to_seq + 1
            );
        }
        TimelineItem::Unsent(echo) => echo_line(echo),
    }
}

fn access_changed(body: &str) -> String {
    let Ok(note) = serde_json::from_str::<AccessNote>(body) else {
        return "(access to the matter changed)".to_owned();
    };
    let names: Vec<String> = note.listed.iter().map(|listed| safe(&listed.name)).collect();
    match (note.restricted, names.is_empty()) {
        (false, _) => "(the matter is open to all staff)".to_owned(),
        (true, true) => "(the matter is restricted to some of the staff)".to_owned(),
        (true, false) => format!("(the matter is restricted to {})", names.join(", ")),
    }
}

fn entry_line(entry: &Entry, note: &str) -> String {
    let what = match &entry.kind {
        EntryKind::Message => safe(&entry.body),
        EntryKind::Joined | EntryKind::Left => {
            let verb = if entry.kind == EntryKind::Joined { "joined" } else { "left" };
            let subject = serde_json::from_str::<portico_wire::entry::EntrySubject>(&entry.body);
            format!("({} {verb})", safe(&subject.map(|subject| subject.name).unwrap_or_default()))
        }
        EntryKind::Archived => "(archived)".to_owned(),
        EntryKind::Restored => "(no longer archived)".to_owned(),
        EntryKind::Closed => "(closed)".to_owned(),
        EntryKind::AccessChanged => access_changed(&entry.body),
        EntryKind::Unknown(_) => "(something this version can not show)".to_owned(),
    };
    format!("{:>4}  {}  {}: {what}{note}", entry.seq, time(entry.accepted_at_ms), safe(&entry.author_name))
}

pub(crate) fn echo_line(echo: &Echo) {
    println!("   -  {}  {}", time(echo.composed_at_ms), safe(&echo.body));
    for (number, file) in (1..).zip(&echo.files) {
        file_line(number, &file.name, file.size_bytes, &file.media_type);
    }
    println!("      [{}]  {}", words::delivery(&echo.delivery), echo.send_key);
}

fn file_line(number: usize, name: &str, size_bytes: u64, media_type: &str) {
    let name = if name.is_empty() { "(no name)".to_owned() } else { safe(name).replace('\n', " ") };
    println!("      {number:>3}. {name}  ({size_bytes} bytes, {media_type})");
}

pub(crate) fn item_json(item: &TimelineItem) -> Value {
    match item {
        TimelineItem::Logged { entry, standing, looked_at, offered_again } => json!({
            "entry": entry, "standing": format!("{standing:?}").to_lowercase(), "looked_at": looked_at,
            "offered_again": offered_again,
        }),
        TimelineItem::Gap { from_seq, to_seq } => {
            json!({ "gap": { "from_seq": from_seq, "to_seq": to_seq } })
        }
        TimelineItem::Unsent(echo) => json!({ "echo": echo_json(echo) }),
    }
}

pub(crate) fn echo_json(echo: &Echo) -> Value {
    let (state, more) = match &echo.delivery {
        Delivery::Queued => ("queued", Value::Null),
        Delivery::Sending => ("sending", Value::Null),
        Delivery::Waiting { until_ms, fault, stuck } => {
            ("waiting", json!({ "until_ms": until_ms, "fault": fault.as_str(), "stuck": stuck }))
        }
        Delivery::NeedsSignIn => ("needs_sign_in", Value::Null),
        Delivery::Paused => ("paused", Value::Null),
        Delivery::HandedToOs => ("handed_to_os", Value::Null),
        Delivery::Withdrawing => ("withdrawing", Value::Null),
        Delivery::Refused(refusal) => ("refused", json!(refusal)),
        Delivery::Withdrawn { offer_again } => ("withdrawn", json!({ "offer_again": offer_again })),
    };
    json!({
        "send_key": echo.send_key, "conversation_id": echo.conversation_id, "body": echo.body,
        "composed_at_ms": echo.composed_at_ms, "state": state, "more": more,
        "files": echo.files.iter().map(|file| json!({ "name": file.name, "size_bytes": file.size_bytes,
            "media_type": file.media_type, "sha256": file.sha256 })).collect::<Vec<_>>(),
        "held_bytes": echo.held_bytes,
    })
}

pub(crate) fn hit_line(entry: &Entry, title: &str) {
    println!("{}\n{}", safe(title), entry_line(entry, ""));
}

pub(crate) fn target_json(target: &TapTarget) -> Value {
    match target {
        TapTarget::Message { conversation_id, entry_id, seq, shown } => {
            let preview = match shown {
                Shown::Message => Value::Null,
                Shown::Preview { text, complete } => json!({ "text": text, "complete": complete }),
            };
            json!({ "opens": "message", "conversation_id": conversation_id, "entry_id": entry_id, "seq": seq,
                "preview": preview })
        }
        TapTarget::SignInFirst => json!({ "opens": "sign_in" }),
        TapTarget::Inbox(why) => json!({ "opens": "inbox", "why": words::why_inbox(*why) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_utc_dates() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_399_999), "2000-02-28 23:59:59 UTC");
        assert_eq!(time(1_709_164_800_000), "2024-02-29 00:00:00 UTC");
    }

    #[test]
    fn text_of_others_can_not_drive_the_terminal() {
        assert_eq!(safe("a\u{1b}[2Jb\u{202E}c\n"), "a\u{FFFD}[2Jb\u{FFFD}c\n");
    }
}
