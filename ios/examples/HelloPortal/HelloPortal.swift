import Foundation
import PorticoFFI
import PorticoKit

/// `HelloPortal FOLDER SERVER EMAIL`: signs in, shows what is there, and sends each line that is typed.
@main
struct HelloPortal {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let folder = URL(fileURLWithPath: arguments[1])
        let signIn = try SignIn(
            home: folder.appendingPathComponent("home").path,
            secrets: FolderSecrets(folder: folder.appendingPathComponent("keys")),
            deviceKey: nil, network: AlwaysOnline(), extraRoot: nil)
        if try signIn.portal() == nil {
            try await answerTheMail(signIn, server: arguments[2], email: arguments[3])
        }
        guard let portal = try signIn.portal() else { return }

        let changes = try portal.changes()
        let following = Task { try await follow(changes, of: portal) }
        let upToDate = Task { try await portal.run() }
        _ = try await portal.catchUp()
        let screen = try await portal.onDisk { try $0.firstScreen(most: 50) }
        print("\(screen.unread) unread")
        for row in screen.conversations { print("\(row.head.title): \(row.newest?.body ?? "")") }

        while let line = readLine() {
            await send(line, to: screen.conversations[0].head.conversationId, with: portal)
        }
        _ = try await portal.catchUp()
        upToDate.cancel()
        portal.end()
        try await following.value
    }

    static func answerTheMail(_ signIn: SignIn, server: String, email: String) async throws {
        _ = try await signIn.begin(serverUrl: server, email: email)
        print("The code from the mail:")
        var asked: Answer?
        while let line = readLine() {
            do {
                let answer =
                    switch asked {
                    case nil: try await signIn.answer(code: line, deviceName: "Hello")
                    case .approvalAwaited: try await signIn.asking { try await $0.prove(factor: .approval, call: $1) }
                    case .chooseFirm: try await signIn.asking { try await $0.chooseFirm(firm: line, call: $1) }
                    default: try await signIn.asking { try await $0.prove(factor: .totp(code: line), call: $1) }
                    }
                switch answer {
                case .signedIn: return
                case .chooseFirm(let firms): for firm in firms { print("\(firm.firmId) is \(firm.name); which?") }
                case .approvalAwaited(let number): print("Type \(number) on the other device, then press Enter:")
                case .setUpTotp(let setUp): print("Add \(setUp.uri) to an authenticator app. Its code:")
                case .factorNeeded: print("The code of the authenticator app:")
                }
                asked = answer
            } catch let error as PortalError {
                // The words are the app's own; `code` is the key of its string table.
                print("\(error.code), try again:")
            }
        }
    }

    static func send(_ text: String, to conversation: ConversationId, with portal: Portal) async {
        do {
            _ = try await portal.onDisk { try $0.send(conversation: conversation, text: text) }
        } catch PortalError.Refused(let refusal) {
            print("not sent: \(refusal.code.code), at most \(refusal.limit ?? 0)")
        } catch {
            print("not sent: \(PortalError(error).code)")
        }
    }

    static func follow(_ changes: AsyncThrowingStream<PortalEvent, any Error>, of portal: Portal) async throws {
        for try await event in changes {
            guard case .timelineChanged(let conversation) = event else { continue }
            let page = try? await portal.onDisk {
                try $0.timeline(conversation: conversation, beforeSeq: nil, most: 50)
            }
            if case .logged(let entry, _, _, _) = page?.items.last { print("\(entry.authorName): \(entry.body)") }
        }
    }
}
