import PorticoFFI

/// For systems that do not say: each request is tried.
public final class AlwaysOnline: NetworkStatus {
    public init() {}

    public func reach() -> Reach { .unmetered }
}

#if canImport(Network)
    import Network
    import os

    /// What the system says of the network. `onChange` is called at each change; pass it on to `networkChanged()`.
    public final class SystemNetwork: NetworkStatus {
        private let monitor = NWPathMonitor()
        /// Until the system has spoken, requests are tried, and sparingly.
        private let latest = OSAllocatedUnfairLock(initialState: Reach.metered)

        public init(onChange: @escaping @Sendable () -> Void) {
            monitor.pathUpdateHandler = { [latest] path in
                let toBeSpared = path.isExpensive || path.isConstrained
                // A path that comes once somebody asks for it, as a VPN on demand, is no reason not to ask.
                let reach: Reach = path.status == .unsatisfied ? .offline : toBeSpared ? .metered : .unmetered
                latest.withLock { $0 = reach }
                onChange()
            }
            monitor.start(queue: .global(qos: .utility))
        }

        deinit { monitor.cancel() }

        public func reach() -> Reach { latest.withLock { $0 } }
    }
#endif
