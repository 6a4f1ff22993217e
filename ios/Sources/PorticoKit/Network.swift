import PorticoFFI

/// For systems that do not say: each request is tried.
public final class AlwaysOnline: NetworkStatus {
    public init() {}

    public func reach() -> Reach {
        .unmetered
    }
}

#if canImport(Network)
    import Network

    /// What the system says of the network. `onChange` is called at each change; pass it on to `networkChanged()`.
    public final class SystemNetwork: NetworkStatus {
        private let monitor = NWPathMonitor()

        public init(onChange: @escaping @Sendable () -> Void) {
            monitor.pathUpdateHandler = { _ in onChange() }
            monitor.start(queue: .global(qos: .utility))
        }

        deinit {
            monitor.cancel()
        }

        public func reach() -> Reach {
            let path = monitor.currentPath
            guard path.status == .satisfied else { return .offline }
            return path.isExpensive || path.isConstrained ? .metered : .unmetered
        }
    }
#endif
