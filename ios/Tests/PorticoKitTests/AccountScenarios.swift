import PorticoFFI
import PorticoKit
import Testing

@Sendable func furtherDeviceIsAskedForMore(_ scenario: Scenario) async throws {
    let with = scenario.with
    let world = try World()
    let portal = try await world.phone(with.person).portal()
    try await portal.asking { try await $0.setUpAuthenticator(call: $1) }
    let codes = try await portal.asking { try await $0.makeRecoveryCodes(call: $1) }.codes
    let used = try #require(try portal.authenticator()).code
    let second = try world.newPhone()
    let asked = try await world.signIn(with.person, on: second)
    let signIn = second.signIn
    let prove = { @Sendable (factor: FactorAnswer) async throws -> Answer in
        try await signIn.asking { try await $0.prove(factor: factor, call: $1) }
    }

    let slip = try await fault { try await prove(.totp(code: #require(with.slip))) }
    let again = try await fault { try await prove(.totp(code: used)) }
    let letIn = try await prove(.recoveryCode(code: #require(codes.first).lowercased()))
    let lost = try second.portal()
    _ = try await lost.catchUp()
    let device = lost.session().deviceId
    try await portal.asking { try await $0.wipeDevice(device: device, call: $1) }
    let wiped = try await fault { try await lost.catchUp() }

    try #require(asked == .factorNeeded(factors: [.totp, .recoveryCode, .approval]))
    try #require([slip, again, wiped].map(\.code) == [with.codeMalformed, with.factorUsed, with.wiped])
    try #require(letIn == .signedIn(sealed: nil, beganAnew: false))
    try #require(try signIn.portal() == nil)
    let held = try await portal.asking { try await $0.factors(call: $1) }
    try #require(held.recoveryCodesLeft == 9)
    let devices = try await portal.asking { try await $0.devices(call: $1) }
    try #require(devices.contains { $0.wipeToldAtMs != nil })
}
