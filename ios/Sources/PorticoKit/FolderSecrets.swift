import Foundation
import PorticoFFI

/// Secrets in a folder of files that only this user can read: for systems without a keystore, and for tests.
public final class FolderSecrets: SecretStore {
    private let folder: URL
    /// Guards the drafts, for every store of this process: two writers of one name would share one.
    private static let writing = NSLock()

    public init(folder: URL) {
        self.folder = folder
    }

    public func read(name: String) throws -> Data? {
        guard let file = try opened(path(of: name), O_RDONLY) else { return nil }
        do { return try file.readToEnd() ?? Data() } catch { throw PortError.Unavailable }
    }

    /// A crash leaves the old file or the new one, whole: it is written beside, synced, and moved into its place.
    public func keep(name: String, secret: Data) throws {
        try Self.writing.withLock {
            do {
                try FileManager.default.createDirectory(
                    at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                // No name is escaped to this one.
                let draft = try path(of: name) + "~"
                guard let file = try opened(draft, O_WRONLY | O_CREAT | O_TRUNC) else { throw PortError.Unavailable }
                try file.write(contentsOf: secret)
                try file.synchronize()
                guard rename(draft, try path(of: name)) == 0 else { throw PortError.Unavailable }
                try syncFolder()
            } catch { throw PortError.Unavailable }
        }
    }

    public func forget(name: String) throws {
        guard unlink(try path(of: name)) == 0 else {
            if errno == ENOENT { return }
            throw PortError.Unavailable
        }
        try syncFolder()
    }

    /// Moving or removing a file lasts once the folder itself is on the disk.
    private func syncFolder() throws {
        guard let itself = try opened(folder.path, O_RDONLY) else { throw PortError.Unavailable }
        do { try itself.synchronize() } catch { throw PortError.Unavailable }
    }

    private func opened(_ path: String, _ flags: Int32) throws -> FileHandle? {
        let descriptor = open(path, flags | O_CLOEXEC, 0o600)
        if descriptor < 0 && errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw PortError.Unavailable }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// No name leads out of the folder, and two names have two files: all but `plain` is escaped, and so is a name of
    /// only dots. An empty name has no file.
    private func path(of name: String) throws -> String {
        let isDots = name.allSatisfy { $0 == "." }
        guard !name.isEmpty, let escaped = name.addingPercentEncoding(withAllowedCharacters: isDots ? [] : plain)
        else { throw PortError.Unavailable }
        return folder.appendingPathComponent(escaped).path
    }
}

private let plain = CharacterSet(charactersIn: "-_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
