//! A file that its owner may not read, picked by somebody who is not root: root may read everything.

use std::os::unix::fs::PermissionsExt as _;

use portico_core::PortalError;
use portico_core::portal::DocumentSource;
use portico_core::upload::source::{PickFault, PickSource};
use portico_tests::world::World;

// R1, R13: it is named for what it is, and what was picked before it stays picked.
#[tokio::test]
#[ignore = "needs a user namespace without root: tests/run faults"]
async fn file_that_may_not_be_read_is_told_apart() {
    let world = World::new().await;
    let (claim, mara) = (world.conversation("claim"), world.phone("mara").await);
    let [open, locked] = ["open", "locked"].map(|name| mara.home.join(name));
    for file in [&open, &locked] {
        std::fs::write(file, "what it says").unwrap();
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let denied = PortalError::FileUnreadable { why: PickFault::Denied };
    mara.portal().pick(claim, PickSource::Path(open), None).await.unwrap();

    let picked = mara.portal().pick(claim, PickSource::Path(locked.clone()), None).await;
    let source = DocumentSource::File(locked);
    let added = mara.portal().add_document(world.matter("harbour"), "Locked", source).await;

    assert_eq!(picked, Err(denied.clone()));
    assert_eq!(added, Err(denied));
    let still = mara.portal().timeline(claim, None, 1).unwrap().picked;
    assert_eq!(still.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["open"]);
}
