import Foundation
import Testing

/// `tests/vectors/seal_v1.json` without the core: whoever has a batch's key opens its files.
struct SealVectorTests {
    @Test(arguments: try SealVector.listed())
    func sealedFileIsThatOfTheVectorAndOpens(_ vector: SealVector) throws {
        let file = try vector.file()
        // As the vectors fill it.
        let plain = Data((0..<vector.sizeBytes).map { UInt8($0 * 31 % 251) })

        let sealed = try file.seal(plain)

        #expect(try file.key == decoded(vector.fileKey))
        #expect(hex(sha256(plain)) == vector.plainSha256)
        #expect(sealed.count == vector.sealedBytes)
        #expect(hex(sha256(sealed)) == vector.sealedSha256)
        if let known = vector.sealed { #expect(try sealed == decoded(known)) }
        #expect(try file.open(sealed) == plain)
    }

    @Test func whatIsAlteredCutOrMovedDoesNotOpen() throws {
        let key = Data(repeating: 9, count: 32)
        let file = SealedFile(batchKey: key, batch: UUID(), slot: 3)
        let sealed = try file.seal(Data(count: 2 * SealedFile.chunkBytes + 1))
        let chunk = SealedFile.chunkBytes + SealedFile.tagBytes
        let (first, second, third) = (sealed[..<chunk], sealed[chunk..<2 * chunk], sealed[(2 * chunk)...])
        let altered = Data(third.map { $0 ^ 1 })
        let orders: [[Data]] = [
            [first, second, altered], [first, second], [second, third], [first, third], [second, first, third],
        ]

        for damaged in orders.map({ Data($0.joined()) }) {
            #expect(throws: NotOpened.self) { try file.open(damaged) }
        }
        let other = SealedFile(batchKey: key, batch: file.batch, slot: 4)
        #expect(throws: NotOpened.self) { try other.open(sealed) }
    }

    @Test func vectorsReachPastTheEdgesOfAChunk() throws {
        let sizes = try Set(SealVector.listed().map { $0.sizeBytes - SealedFile.chunkBytes })

        #expect(sizes.isSuperset(of: [-SealedFile.chunkBytes, -1, 0, 1]))
    }

    private func hex(_ bytes: Data) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
}

/// One known answer.
struct SealVector: Decodable, Sendable {
    let batchKey, batchId, fileKey, plainSha256, sealedSha256: String
    let slot: UInt32
    let sizeBytes, sealedBytes: Int
    let sealed: String?

    static func listed() throws -> [SealVector] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = repositoryFolder.appendingPathComponent("tests/vectors/seal_v1.json")
        return try decoder.decode([SealVector].self, from: Data(contentsOf: file))
    }

    func file() throws -> SealedFile {
        try SealedFile(batchKey: decoded(batchKey), batch: #require(UUID(uuidString: batchId)), slot: slot)
    }
}

/// Base64 of RFC 4648, section 5, without padding.
private func decoded(_ text: String) throws -> Data {
    let plain = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
    return try #require(Data(base64Encoded: plain + String(repeating: "=", count: (4 - plain.count % 4) % 4)))
}
