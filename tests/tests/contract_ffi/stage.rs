//! A seeded server in a process of its own, and phones around it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use portico_core::timeline::item::TimelineItem;
use portico_ffi::{Answer, Portal, SignIn, new_call};
use portico_tests::process::{ServerProcess, program};
use portico_tests::shell::{ShellNetwork, ShellSecrets, installation};
use portico_tests::world::scratch;
use portico_wire::ids::ConversationId;
use serde_json::Value;
use tempfile::TempDir;

/// A server, and where phones live.
pub(crate) struct Stage {
    pub(crate) server: ServerProcess,
    folder: TempDir,
}

/// Somebody's phone, signed in or not.
pub(crate) struct Shell {
    pub(crate) folder: PathBuf,
    pub(crate) secrets: Arc<ShellSecrets>,
    pub(crate) network: Arc<ShellNetwork>,
    pub(crate) sign_in: Arc<SignIn>,
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    program("portico-server").ancestors().nth(2).unwrap().to_owned()
}

pub(crate) fn text<'a>(with: &'a Value, name: &str) -> &'a str {
    with[name].as_str().unwrap_or_else(|| panic!("the scenario has no text {name}"))
}

impl Stage {
    pub(crate) fn build() -> Self {
        let folder = scratch();
        let server = ServerProcess::seeded(&folder.path().join("server")).unwrap();
        Self { server, folder }
    }

    /// Where a test may lay its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn conversation(&self, with: &Value) -> ConversationId {
        self.server.conversation(text(with, "conversation")).parse().unwrap()
    }

    /// A new phone.
    pub(crate) fn shell(&self, name: &str) -> Shell {
        let folder = self.folder.path().join(name);
        let secrets = Arc::new(ShellSecrets::in_folder(&folder.join("keys")));
        let network = Arc::new(ShellNetwork::default());
        let sign_in = installation(&folder, &secrets, &network).unwrap();
        Shell { folder, secrets, network, sign_in }
    }

    /// A new phone of somebody, signed in and up to date.
    pub(crate) async fn signed_in(&self, name: &str) -> (Shell, Arc<Portal>) {
        let shell = self.shell(name);
        self.sign_in_on(&shell, name).await;
        let portal = shell.portal();
        (shell, portal)
    }

    /// Signs somebody in on a phone.
    pub(crate) async fn sign_in_on(&self, shell: &Shell, name: &str) -> Answer {
        let begun = shell.sign_in.begin(self.server.url.clone(), self.server.email(name), new_call());
        let code = self.server.code(begun.await.unwrap().challenge_id).await.unwrap();
        let answer = shell.sign_in.answer(code, "a shell".to_owned(), new_call()).await.unwrap();
        // More may be asked first.
        if matches!(answer, Answer::SignedIn { .. }) {
            shell.portal().catch_up(new_call()).await.unwrap();
        }
        answer
    }
}

impl Shell {
    pub(crate) fn portal(&self) -> Arc<Portal> {
        self.sign_in.portal().unwrap().expect("somebody is signed in")
    }

    /// The app starts anew: nothing of the process before is left but its folder.
    pub(crate) fn restarted(&self) -> Self {
        if let Ok(Some(portal)) = self.sign_in.portal() {
            portal.end();
        }
        let sign_in = installation(&self.folder, &self.secrets, &self.network).unwrap();
        Self {
            folder: self.folder.clone(),
            secrets: Arc::clone(&self.secrets),
            network: Arc::clone(&self.network),
            sign_in,
        }
    }
}

/// The bodies of a conversation's messages that the log has, as a phone shows them.
pub(crate) async fn texts(portal: &Portal, conversation: ConversationId) -> Vec<String> {
    portal.catch_up(new_call()).await.unwrap();
    let page = portal.timeline(conversation, None, 100).unwrap();
    let shown = page.items.into_iter().filter_map(|item| match item {
        TimelineItem::Logged { entry, .. } if entry.kind.as_str() == "message" => Some(entry.body),
        _ => None,
    });
    shown.collect()
}
