// An app that is about to be killed: it queues texts with no network, says so, and goes nowhere. If there is no
// installation, it says why and ends.
// Arguments: home folder, secrets folder, conversation, texts.
import Foundation
import PorticoKit
import PorticoFFI

final class NoNetwork: NetworkStatus {
    func reach() -> Reach { .offline }
}

let arguments = CommandLine.arguments
func installed() -> SignIn {
    do {
        return try SignIn(
            home: arguments[1], secrets: FolderSecrets(folder: URL(fileURLWithPath: arguments[2])), deviceKey: nil,
            network: NoNetwork(), extraRoot: nil)
    } catch {
        let fault = PortalError(error)
        if case .Bug(let what) = fault { print("\(fault.code): \(what)") } else { print(fault.code) }
        exit(3)
    }
}

let signIn = installed()
guard let portal = try signIn.portal() else { exit(2) }
for text in arguments[4...] {
    _ = try portal.send(conversation: arguments[3], text: text)
}
FileHandle.standardOutput.write(Data("queued\n".utf8))
// Whoever started this holds the other end until it kills it; should it die first, this ends too.
_ = readLine()
