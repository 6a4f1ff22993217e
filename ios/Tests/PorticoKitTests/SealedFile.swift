import Foundation

/// The file in `slot` of a sealed pack, by the system's own ciphers: `core/wire/src/seal.rs` says what the format is.
struct SealedFile {
    static let chunkBytes = 65_536
    static let tagBytes = 16

    let batch: UUID
    let slot: UInt32
    /// HKDF-SHA256 (RFC 5869): the first block is as long as the key.
    let key: Data

    init(batchKey: Data, batch: UUID, slot: UInt32) {
        self.batch = batch
        self.slot = slot
        let secret = hmacSha256(key: Data("portico seal v1".utf8), batchKey)
        key = hmacSha256(key: secret, bytes(batch) + bytes(slot) + [1])
    }

    func seal(_ plain: Data) throws -> Data {
        try each(Self.chunkBytes, of: plain) { chunk, nonce, associated in
            try sealedAes256Gcm(key: key, nonce: nonce, associated: associated, chunk)
        }
    }

    /// Throws `NotOpened` where a chunk is not what was sealed in its place.
    func open(_ sealed: Data) throws -> Data {
        try each(Self.chunkBytes + Self.tagBytes, of: sealed) { chunk, nonce, associated in
            try openedAes256Gcm(key: key, nonce: nonce, associated: associated, chunk)
        }
    }

    private func each(_ most: Int, of data: Data, _ turn: (Data, Data, Data) throws -> Data) rethrows -> Data {
        var turned = Data()
        for (index, start) in stride(from: 0, to: data.count, by: most).enumerated() {
            let isLast = start + most >= data.count
            let place = bytes(slot) + bytes(UInt64(index)) + [isLast ? 1 : 0]
            let chunk = Data(data.dropFirst(start).prefix(most))
            turned += try turn(
                chunk, Data(count: 4) + bytes(UInt64(index)), Data("portico chunk v1\0".utf8) + bytes(batch) + place)
        }
        return turned
    }
}

struct NotOpened: Error {}

private func bytes<T: FixedWidthInteger>(_ number: T) -> Data {
    withUnsafeBytes(of: number.bigEndian) { Data($0) }
}

private func bytes(_ id: UUID) -> Data {
    withUnsafeBytes(of: id.uuid) { Data($0) }
}
