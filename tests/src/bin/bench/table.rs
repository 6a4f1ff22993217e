//! The table of docs/performance.md, in Markdown.

use std::fmt;

use crate::figures::Figure;

/// Rows in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

/// What a row must keep.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    /// The figure, at most this many times its baseline.
    RatioAtMost(f64),
    /// The figure, at least this part of its baseline.
    RatioAtLeast(f64),
    /// The figure, at most this part of its baseline above or below it.
    RatioWithin(f64),
    /// The figure itself.
    AtMost(Figure),
    /// The figure itself.
    AtLeast(Figure),
    /// None: the row explains another.
    None,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: Figure,
    baseline: Option<(&'static str, Figure)>,
    budget: Budget,
}

impl Table {
    /// Adds a row; `baseline` with its name, as measured in the same run.
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        measured: Figure,
        baseline: Option<(&'static str, Figure)>,
        budget: Budget,
    ) {
        let row = Row { what: what.into(), measured, baseline, budget };
        crate::say(&row.to_string());
        self.0.push(row);
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.baseline.map(|(_, baseline)| self.measured.value() / baseline.value())
    }

    fn is_kept(&self) -> Option<bool> {
        match self.budget {
            Budget::RatioAtMost(most) => self.ratio().map(|ratio| ratio <= most),
            Budget::RatioAtLeast(least) => self.ratio().map(|ratio| ratio >= least),
            Budget::RatioWithin(part) => self.ratio().map(|ratio| (ratio - 1.0).abs() <= part),
            Budget::AtLeast(least) => Some(self.measured.value() >= least.value()),
            Budget::AtMost(most) => Some(self.measured.value() <= most.value()),
            Budget::None => None,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(most) => write!(f, "<= {most} x"),
            Self::RatioAtLeast(least) => write!(f, ">= {least} x"),
            Self::RatioWithin(part) => write!(f, "within {:.0} %", part * 100.0),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::None => Ok(()),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} | ", self.what, self.measured)?;
        if let Some((name, baseline)) = self.baseline {
            write!(f, "{name}: {baseline}")?;
        }
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let kept = self.is_kept().map_or("", |kept| if kept { "kept" } else { "**missed**" });
        write!(f, " | {ratio} | {} | {kept} |", self.budget)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| What | Measured | Baseline | Ratio | Budget | |\n|---|---|---|---|---|---|")?;
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
