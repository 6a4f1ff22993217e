import Foundation
import PorticoFFI
import PorticoKit

/// The Swift player of `tests/run bench`; `tests/src/bin/bench/border.rs` says what it is asked.
@main
struct BorderBench {
    static let calls = 20_000
    static let pages = 200
    static let shown: UInt32 = 50

    static func main() throws {
        let arguments = CommandLine.arguments
        let home = arguments[2]
        switch arguments[1] {
        case "nothing":
            print("nothing 0")
        case "screen":
            print("shown \(try show(try portal(home)))")
        case "calls":
            try timeCalls(try portal(home))
        default:
            let push = try String(contentsOfFile: arguments[3], encoding: .utf8)
            _ = try signIn(home).receivePush(payload: push)
            print("resident \(try highestResidentKib())")
        }
    }

    static func show(_ portal: Portal) throws -> Int {
        let rows = try portal.firstScreen(most: shown).conversations
        let page = try portal.timeline(
            conversation: rows[0].head.conversationId, beforeSeq: nil, most: shown)
        return rows.count + page.items.count
    }

    static func signIn(_ home: String) throws -> SignIn {
        let secrets = FolderSecrets(folder: URL(fileURLWithPath: home).appendingPathComponent("keys"))
        return try SignIn(home: home, secrets: secrets, deviceKey: nil, network: AlwaysOnline(), extraRoot: nil)
    }

    static func portal(_ home: String) throws -> Portal {
        guard let portal = try signIn(home).portal() else { throw PortalError.SignInNeeded }
        return portal
    }

    static func timeCalls(_ portal: Portal) throws {
        let conversation = try portal.firstScreen(most: 1).conversations[0].head.conversationId
        try sayPerCall("connection", calls) { _ = try portal.connection() }
        try sayPerCall("refused", calls) {
            do { _ = try portal.send(conversation: conversation, text: "") } catch PortalError.Refused {}
        }
        try sayPerCall("page", pages) {
            _ = try portal.timeline(conversation: conversation, beforeSeq: nil, most: shown)
        }
    }

    static func sayPerCall(_ name: String, _ count: Int, _ call: () throws -> Void) rethrows {
        for _ in 0..<(count / 10) { try call() }
        let began = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<count { try call() }
        print("\(name) \(Double(DispatchTime.now().uptimeNanoseconds - began) / Double(count))")
    }

    static func highestResidentKib() throws -> String {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return String(line.filter(\.isNumber))
    }
}
