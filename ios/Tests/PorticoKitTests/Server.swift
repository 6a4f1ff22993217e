import Foundation
import Testing

/// A `portico-server` process. It keeps its port when it is started again.
final class Server {
    let data: URL
    private let log: URL
    private var listen = "127.0.0.1:0"
    private var running: (process: Process, output: FileHandle)?

    var url: String { "http://\(listen)" }

    init(data: URL, log: URL) {
        self.data = data
        self.log = log
    }

    /// Makes the small firm.
    func seed() throws -> Firm {
        let (process, output) = try launch(["seed", "--json"])
        let json = try output.readToEnd() ?? Data()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "the server did not seed")
        return try JSONDecoder().decode(Firm.self, from: json)
    }

    func start() throws {
        let (process, output) = try launch(["serve", "--listen", listen, "--metrics-listen", "127.0.0.1:0"])
        running = (process, output)
        let said = "listening on http://"
        let line = try #require(output.line { $0.hasPrefix(said) }, "the server did not start")
        listen = String(line.dropFirst(said.count))
    }

    /// Ends the process as a power cut would; what it had accepted is on its disk.
    func stop() {
        guard let (process, _) = running else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        running = nil
    }

    /// Gives the server a moment to act; it is over at once if the server has ended.
    func pause() throws {
        let output = try #require(running?.output, "the server is stopped")
        var waiting = pollfd(fd: output.fileDescriptor, events: 0, revents: 0)
        try #require(poll(&waiting, 1, 5) == 0, "the server has ended")
    }

    private func launch(_ arguments: [String]) throws -> (Process, FileHandle) {
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let errors = try FileHandle(forWritingTo: log)
        try errors.seekToEnd()
        return try launched(
            targetFolder.appendingPathComponent("debug/portico-server"), ["--data", data.path] + arguments,
            errors: errors)
    }
}

/// Starts a program with nothing of this process's environment, and gives its output.
func launched(
    _ program: URL, _ arguments: [String], environment: [String: String] = [:], input: Pipe? = nil,
    errors: FileHandle = .standardError
) throws -> (Process, FileHandle) {
    let process = Process()
    let output = Pipe()
    process.executableURL = program
    process.arguments = arguments
    process.environment = environment
    process.standardInput = input ?? FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    return (process, output.fileHandleForReading)
}

extension FileHandle {
    /// The first line that fits; none if the program closes its output before.
    func line(where fits: (String) -> Bool) -> String? {
        var line = Data()
        while let byte = try? read(upToCount: 1), !byte.isEmpty {
            if byte[0] != UInt8(ascii: "\n") {
                line += byte
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            if fits(text) { return text }
            line = Data()
        }
        return nil
    }
}

/// Where cargo put the library and the server.
let targetFolder: URL = {
    if let folder = ProcessInfo.processInfo.environment["TARGET_FOLDER"] { return URL(fileURLWithPath: folder) }
    return repositoryFolder.appendingPathComponent("target")
}()

let repositoryFolder: URL = {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in ["Server.swift", "PorticoKitTests", "Tests", "ios"] { folder.deleteLastPathComponent() }
    return folder
}()
