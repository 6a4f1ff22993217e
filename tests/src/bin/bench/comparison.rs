//! The table of docs/performance.md that lays uploads beside each other, in Markdown.

use std::fmt;

use crate::figures::{Figure, Sample};
use crate::lane::Contender;
use crate::raw_put::Writes;

/// What one contender took for one case.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Microseconds of each round.
    pub(crate) time: Sample,
    /// Microseconds.
    pub(crate) client_cpu: Sample,
    /// Microseconds.
    pub(crate) server_cpu: Sample,
    /// Megabytes over what was resident before the clock started, in the worst round.
    pub(crate) memory: f64,
    /// Counted in the round that is not timed.
    pub(crate) requests: u64,
    /// Of the client and of the server, in the same round; none where there is no strace.
    pub(crate) syncs: Option<(usize, usize)>,
}

/// The contenders of one case.
#[derive(Debug)]
pub(crate) struct Contest {
    pub(crate) case: &'static str,
    /// In the order in which they took turns.
    pub(crate) rows: Vec<(Contender, Taken)>,
}

impl Contest {
    /// What that one took.
    ///
    /// # Panics
    /// If it did not take part.
    pub(crate) fn of(&self, contender: Contender) -> &Taken {
        let row = self.rows.iter().find(|(who, _)| *who == contender);
        &row.unwrap_or_else(|| panic!("{contender} took part")).1
    }

    /// The shortest median among the rows of tus; none where it did not take part.
    pub(crate) fn best_tus_us(&self) -> Option<f64> {
        let rows = self.rows.iter().filter(|(who, _)| matches!(who, Contender::Tus(..)));
        rows.map(|(_, taken)| taken.time.median()).min_by(f64::total_cmp)
    }
}

/// All cases.
#[derive(Debug, Default)]
pub(crate) struct Comparison(pub(crate) Vec<Contest>);

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|contest| writeln!(f, "{contest}"))
    }
}

impl fmt::Display for Contest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| {} | Time | Requests | fsyncs, client + server | Client CPU | Server CPU | Client memory | Time / raw |",
            self.case
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        let raw_us = self.of(Contender::Raw(Writes::Straight)).time.median();
        for (name, taken) in &self.rows {
            let time = taken.time.median();
            let requests = taken.requests;
            let syncs =
                taken.syncs.map_or_else(|| "?".to_owned(), |(client, server)| format!("{client} + {server}"));
            writeln!(
                f,
                "| {name} | {} | {requests} | {syncs} | {} | {} | {} | {:.2} |",
                Figure::Micros(time),
                Figure::Micros(taken.client_cpu.median()),
                Figure::Micros(taken.server_cpu.median()),
                Figure::Megabytes(taken.memory),
                time / raw_us,
            )?;
        }
        Ok(())
    }
}
