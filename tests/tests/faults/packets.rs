//! A line that loses every tenth packet, each way, and is 50 ms long.

use portico_tests::process::{PhoneProcess, ServerProcess};
use portico_tests::slow_line::{Requests, SlowLine};

use crate::messages::{Message, count, drain};
use crate::system;

/// Each way.
const DELAY_MS: u64 = 50;

/// The only device here is a loopback of our own. On a machine's own loopback the rule below would hurt everybody.
fn assert_own_network() {
    let devices = std::fs::read_to_string("/proc/net/dev").unwrap();
    let names: Vec<&str> = devices.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    assert_eq!(names, ["lo"], "this test wants a network namespace of its own: tests/run faults");
    // Packets of an Ethernet's size, not one of 64 KiB for each write: else hardly one would be lost.
    system("ip", &["link", "set", "dev", "lo", "mtu", "1500", "gso_max_size", "1500", "up"]);
}

/// From here on every tenth packet is lost.
fn lose_packets() {
    system("nft", &["add table inet line"]);
    system("nft", &["add chain inet line arriving { type filter hook input priority 0; }"]);
    system("nft", &["add rule inet line arriving numgen random mod 10 == 0 counter drop"]);
}

fn lost_packets() -> u64 {
    let rules = system("nft", &["list chain inet line arriving"]);
    let after = rules.split("packets ").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

// R1, R37, R51, R52: what a line loses, TCP and the next try mend: byte for byte, and one message.
#[ignore = "needs a network of its own: tests/run faults"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_arrives_once_over_a_line_that_loses_every_tenth_packet() {
    assert_own_network();
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::seeded(&folder.path().join("server")).unwrap();
    let address = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let line = SlowLine::open(address, DELAY_MS, Requests::Ignored).await.unwrap();
    let url = format!("http://{}", line.address);
    let phones = ["amina", "mara"].map(|name| PhoneProcess::at(folder.path().join(name)));
    let [amina, mara] = &phones;
    amina.sign_in(&server, &url, "amina").await.unwrap();
    mara.sign_in(&server, &url, "mara").await.unwrap();
    let claim = server.conversation("claim");
    let message = Message::write(folder.path(), "over a bad line", 5_000_000);

    lose_packets();
    message.send(amina, &claim, false).await;
    drain(amina).await;
    let tally = count(mara, &claim, &[&message], &folder.path().join("saved")).await;

    let lost = lost_packets();
    println!("{lost} packets were lost");
    // 5 MB up and down, over two legs each, are some 14,000 packets of 1,500 bytes.
    assert!(lost > 500, "only {lost} packets were lost");
    server.verify().unwrap();
    tally.close("every tenth packet is lost, line of 50 ms", 1);
}
