import Foundation
import Testing

/// What every language must see of the core; tests/vectors/scenarios.json is the list.
let scenarios: [String: @Sendable (Scenario) async throws -> Void] = [
    "sign_in": rightCodeSignsIn,
    "first_screen": oneCallGivesTheFirstScreen,
    "send": textArrivesAsItWasWritten,
    "offline_killed": offlineTextsSurviveTheKill,
    "withdraw": withdrawnTextNeverArrives,
    "tap_cold": coldTapShowsThePush,
    "tap_warm": warmTapOpensTheMessage,
    "tap_offline": offlineTapOpensTheMessage,
    "tap_foreign": foreignTapOpensTheList,
    "refusals": refusedTextsAreNotQueued,
    "unknown_things": unknownThingsAreNotHere,
    "batch_sent": pickedFilesArriveByteForByte,
    "batch_over_the_limit": oneFileTooManyIsRefused,
    "file_that_is_none": whatIsNoFileCanNotBePicked,
    "batch_paused": pausedBatchWaitsForThePerson,
    "batch_metered": batchThatWouldCostWaits,
    "batch_handed_over": batchThatTheSystemCarriedArrivesOnce,
    "documents": copyOfADocumentIsTouchedByNothing,
    "client_begins": clientBeginsAConversation,
    "key_store_locked": lockedKeyStoreTouchesNothing,
    "port_throws": throwingPortTouchesNothing,
    "stream_ended": stoppedStreamEndsItsReader,
    "dropped_while_busy": portalIsLetGoWhileBusy,
    "home_removed_after_end": homeOfAClosedPortalCanGo,
    "slow_reader": slowReaderLosesNothing,
    "another_person": anotherPersonSealsTheFirst,
    "taken_back": waitingCallIsTakenBack,
    "panic": panicIsAnError,
    "second_device": furtherDeviceIsAskedForMore,
    "home_is_a_file": homeThatIsAFileIsAnError,
    "folder_in_place_of_a_file": folderWhereAFileBelongsIsAnError,
]

@Suite(.serialized, .timeLimit(.minutes(3)))
struct Scenarios {
    @Test func everyScenarioHasItsFunction() throws {
        #expect(try Set(Scenario.listed().map(\.id)) == Set(scenarios.keys))
    }

    @Test(arguments: try Scenario.listed())
    func passes(_ scenario: Scenario) async throws {
        try passed.write()

        let run = try #require(scenarios[scenario.id], "no function for this id")
        try await run(scenario)

        passed.ids.value.append(scenario.id)
        try passed.write()
    }
}

/// One line of the list.
struct Scenario: Decodable, Sendable, CustomTestStringConvertible {
    let id: String
    let with: Inputs

    var testDescription: String { id }

    static func listed() throws -> [Scenario] {
        struct List: Decodable { let scenarios: [Scenario] }
        let file = repositoryFolder.appendingPathComponent("tests/vectors/scenarios.json")
        return try JSONDecoder().decode(List.self, from: Data(contentsOf: file)).scenarios
    }
}

/// Inputs and answers of a scenario; each has some of them.
struct Inputs: Decodable, Sendable {
    let person, from, to, other, first, second, conversation, text, name, title, firm, newest, what: String?
    let malformedCode, wrongCode, code, slip, wiped: String?
    let codeMalformed, factorUsed: String?
    let triesLeft: UInt32?
    let titles, texts, ids: [String]?
    let unread: UInt64?
    let calls, changes: Int?
    let sizes: [UInt64]?
    let limit, measured, bytesMax: UInt64?
    let refused: [Text]?
    let accepted: Text?
    let files: [File]?

    /// A file of the core, and what is said when it can not be one.
    struct File: Decodable, Sendable {
        let file, code: String
    }

    /// A text of one unit, repeated, and how it is refused.
    struct Text: Decodable, Sendable {
        let unit: String
        let times: Int
        let code: String?
        let limit, measured: UInt64?

        var whole: String { String(repeating: unit, count: times) }
    }

    enum CodingKeys: String, CodingKey {
        case person, from, to, other, first, second, conversation, text, name, title, firm, newest, what
        case malformedCode = "malformed_code"
        case wrongCode = "wrong_code"
        case triesLeft = "tries_left"
        case bytesMax = "bytes_max"
        case codeMalformed = "code_malformed"
        case factorUsed = "factor_used"
        case titles, texts, ids, unread, calls, changes, refused, accepted, files, code, sizes, limit, measured
        case slip, wiped
    }
}

/// The ids that passed, for the table of all languages. The file begins anew with each run.
struct Passed: Sendable {
    let ids = Guarded<[String]>([])

    func write() throws {
        let folder = targetFolder.appendingPathComponent("scenarios")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try JSONEncoder().encode(ids.value).write(to: folder.appendingPathComponent("swift.json"), options: .atomic)
    }
}

let passed = Passed()
