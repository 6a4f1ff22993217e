import Foundation
import PorticoFFI

/// Secrets in a folder of files that only this user can read: for systems without a keystore, and for tests.
public final class FolderSecrets: SecretStore {
    private let folder: URL
    /// Guards the drafts: two writers of one name would share one.
    private let writing = NSLock()

    public init(folder: URL) {
        self.folder = folder
    }

    public func read(name: String) throws -> Data? {
        guard let descriptor = try opened(name, O_RDONLY) else { return nil }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do { return try file.readToEnd() ?? Data() } catch { throw PortError.Unavailable }
    }

    /// A crash leaves the old file or the new one, whole: it is written beside, synced, and moved into its place.
    public func keep(name: String, secret: Data) throws {
        try writing.withLock {
            do {
                try FileManager.default.createDirectory(
                    at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                guard let descriptor = try opened("\(name).new", O_WRONLY | O_CREAT | O_TRUNC) else {
                    throw PortError.Unavailable
                }
                let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
                try file.write(contentsOf: secret)
                try file.synchronize()
                guard rename(path(of: "\(name).new"), path(of: name)) == 0 else { throw PortError.Unavailable }
                try syncFolder()
            } catch { throw PortError.Unavailable }
        }
    }

    public func forget(name: String) throws {
        guard unlink(path(of: name)) == 0 else {
            if errno == ENOENT { return }
            throw PortError.Unavailable
        }
        try syncFolder()
    }

    /// Moving or removing a file lasts once the folder itself is on the disk.
    private func syncFolder() throws {
        let descriptor = open(folder.path, O_RDONLY)
        guard descriptor >= 0 else { throw PortError.Unavailable }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw PortError.Unavailable }
    }

    private func opened(_ name: String, _ flags: Int32) throws -> Int32? {
        let descriptor = open(path(of: name), flags | O_CLOEXEC, 0o600)
        if descriptor < 0 && errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw PortError.Unavailable }
        return descriptor
    }

    private func path(of name: String) -> String {
        folder.appendingPathComponent(name).path
    }
}
