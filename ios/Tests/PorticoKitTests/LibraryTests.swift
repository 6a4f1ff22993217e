#if os(Linux)
    import Foundation
    import Testing

    /// An app that was built wrongly: the library inside is of another version than the generated Swift.
    struct LibraryTests {
        @Test(arguments: ["uniffi_portico_ffi_checksum_func_new_call", "ffi_portico_ffi_uniffi_contract_version"])
        func staleLibraryIsATypedError(_ function: String) throws {
            // Not in memory: such a file system may forbid to run what lies there.
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("portico-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let name = "libportico_ffi.so"
            var stale = try PatchedLibrary(of: targetFolder.appendingPathComponent("debug/\(name)"))

            try stale.returnOne(from: function)
            try stale.bytes.write(to: folder.appendingPathComponent(name))
            let (child, output) = try launched(
                program("ScenarioChild"), [folder.path, folder.path], environment: ["LD_LIBRARY_PATH": folder.path])
            let said = output.line { _ in true }
            child.waitUntilExit()

            #expect(said == "bug: library of another version")
            #expect(child.terminationReason == .exit)
            #expect(child.terminationStatus == 3)
        }
    }

    /// A 64-bit little-endian ELF library whose functions can be made to answer something else.
    struct PatchedLibrary {
        private(set) var bytes: Data

        init(of file: URL) throws {
            bytes = try Data(contentsOf: file)
        }

        mutating func returnOne(from function: String) throws {
            let start = try fileOffset(of: function)
            bytes.replaceSubrange(start..<start + codeOfReturnOne.count, with: codeOfReturnOne)
        }

        private func fileOffset(of function: String) throws -> Int {
            let sections = (0..<Int(number(at: 60, as: UInt16.self))).map(section)
            let table = try #require(sections.first { $0.type == dynamicSymbols })
            let names = sections[table.link].offset
            let symbols = stride(from: table.offset, to: table.offset + table.size, by: 24)
            let symbol = try #require(
                symbols.first { name(at: names + Int(number(at: $0, as: UInt32.self)), is: function) })
            let home = sections[Int(number(at: symbol + 6, as: UInt16.self))]
            return Int(number(at: symbol + 8, as: UInt64.self)) - home.address + home.offset
        }

        private func name(at start: Int, is name: String) -> Bool {
            bytes[start...].starts(with: Array(name.utf8) + [0])
        }

        /// Places are those of the object file format.
        private func section(_ index: Int) -> Section {
            let start = Int(number(at: 40, as: UInt64.self)) + index * 64
            return Section(
                type: number(at: start + 4, as: UInt32.self),
                address: Int(number(at: start + 16, as: UInt64.self)),
                offset: Int(number(at: start + 24, as: UInt64.self)),
                size: Int(number(at: start + 32, as: UInt64.self)),
                link: Int(number(at: start + 40, as: UInt32.self)))
        }

        private func number<T: FixedWidthInteger>(at offset: Int, as type: T.Type) -> T {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
        }
    }

    private struct Section {
        let type: UInt32
        let address, offset, size, link: Int
    }

    private let dynamicSymbols: UInt32 = 11

    #if arch(x86_64)
        /// `mov eax, 1; ret`
        private let codeOfReturnOne: [UInt8] = [0xB8, 1, 0, 0, 0, 0xC3]
    #else
        /// `mov w0, #1; ret`
        private let codeOfReturnOne: [UInt8] = [0x20, 0, 0x80, 0x52, 0xC0, 0x03, 0x5F, 0xD6]
    #endif
#endif
