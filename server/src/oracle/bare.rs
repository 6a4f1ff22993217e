//! The rule and its fragment themselves, asked without a route between. What the door of one route turns away would reach
//! them on another, so each must hold alone.

use portico_wire::conversation::ConversationKind::ExternalMatter;

use super::history::History;
use super::matrix::Compared;
use super::rule;
use crate::testing::World;

/// Asks about everything of one firm, for everybody, those who have left too.
pub(super) async fn ask_all(world: &World, history: &History, compared: &mut Compared) {
    for me in 0..history.people.len() {
        conversations(world, history, me, compared).await;
        matters(world, history, me, compared).await;
    }
    misplaced(world, history, compared).await;
}

async fn conversations(world: &World, history: &History, me: usize, compared: &mut Compared) {
    let ids = history.talks.iter().map(|talk| talk.id).collect();
    let answers = world.app.store().answers(history.firm, history.people[me].id, ids).await.unwrap();
    for (talk, answers) in history.talks.iter().zip(answers) {
        let knows = rule::knows(history, me, talk);
        for (known, by) in answers.knows.into_iter().zip(["rule", "fragment"]) {
            compared.bare(known == knows, || format!("the {by}: {me} knows of {:?}", talk.kind));
        }
        assert_eq!(answers.reads.len(), talk.entries.len());
        for (seq, by_both) in (1..).zip(answers.reads) {
            let reads = rule::reads(history, me, talk, seq);
            for (read, by) in by_both.into_iter().zip(["rule", "fragment"]) {
                compared.bare(read == reads, || format!("the {by}: {me} reads {seq} of {:?}", talk.kind));
            }
        }
        let refusal = rule::refusal(history, me, talk);
        compared.bare(answers.posts.err() == refusal, || format!("{me} posts to {:?}", talk.kind));
        let manages = knows && !history.people[me].is_outside;
        compared.bare(answers.manages == manages, || format!("{me} manages {:?}", talk.kind));
    }
}

async fn matters(world: &World, history: &History, me: usize, compared: &mut Compared) {
    let ids = history.matters.iter().map(|matter| matter.id).collect();
    let person = &history.people[me];
    let answers = world.app.store().answers_of_matters(history.firm, person.id, ids).await.unwrap();
    for (matter, answers) in history.matters.iter().zip(answers) {
        let knows = rule::knows_matter(me, person, matter);
        for (known, by) in answers.into_iter().zip(["rule", "fragment"]) {
            compared.bare(known == knows, || format!("the {by}: {me} knows of a matter"));
        }
    }
}

/// Somebody from outside whom a bug has put where only the firm's people are learns nothing by it.
async fn misplaced(world: &World, history: &History, compared: &mut Compared) {
    let (store, stranger) = (world.app.store(), history.people[3].id);
    let inner = history.talks.iter().filter(|talk| talk.kind != ExternalMatter).map(|talk| talk.id);
    let inner: Vec<_> = inner.collect();
    for talk in &inner {
        store.force_into(history.firm, *talk, stranger).await.unwrap();
    }
    for answers in store.answers(history.firm, stranger, inner).await.unwrap() {
        let knows = answers.knows.into_iter().chain(answers.reads.into_iter().flatten()).any(|known| known);
        compared.bare(!knows && answers.posts.is_err() && !answers.manages, || {
            "somebody from outside who was put among the firm's people learns of it".to_owned()
        });
    }
}
