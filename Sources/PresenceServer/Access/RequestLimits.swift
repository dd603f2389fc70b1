// Rollcall · PresenceServer

package import Access
import Foundation
import HTTPTypes
package import Logging
import NIOCore
import Synchronization

/// The limits of callers, and the proxies that name the addresses of their clients.
package struct LimitOptions: Sendable {
    package var user = CallerLimits.standard(.user)
    package var apiKey = CallerLimits.standard(.apiKey)
    package var address = CallerLimits.standard(.address)
    package var proxies = TrustedProxies()

    package init() {}

    package subscript(kind: CallerKind) -> CallerLimits {
        switch kind {
        case .user: user
        case .apiKey: apiKey
        case .address: address
        }
    }

    /// Returns the address by which the other end of a connection is counted; nil for one that is not.
    ///
    /// Without a list of proxies, a local address may be that of a proxy with all clients behind it.
    func counted(_ address: ClientAddress?) -> ClientAddress? {
        guard let address, !(proxies.isEmpty && address.isLocal) else { return nil }
        return address.counted
    }
}

/// Holds requests and streams to the limits of their callers.
///
/// Used on every thread.
///
/// A caller without limits costs no lock and no allocation.
package final class RequestLimits: Sendable {
    private struct Stocks {
        var streams = Stock<RateSubject>()
        var topics = Stock<RateSubject>()
    }

    private let options: LimitOptions
    private let rates: RateLimits
    /// `RateLimit-Policy` of each kind of caller that has a rate of requests, tracks, bytes or tickets.
    private let policies: [CallerKind: String]
    private let stocks = Mutex(Stocks())
    private let report: LimitReport

    package init(_ options: LimitOptions, logger: Logger) {
        let rates = RateLimits(Dictionary(uniqueKeysWithValues: CallerKind.allCases.map { ($0, options[$0]) }))
        var policies: [CallerKind: String] = [:]
        var names: [String] = []
        for kind in CallerKind.allCases {
            let counting = rates.policies(of: kind).filter { $0.kind != .failures }
            if !counting.isEmpty { policies[kind] = counting.map(RateFields.policy).joined(separator: ", ") }
            names += rates.policies(of: kind).map(\.name)
        }
        names += [CallerKind.user, .apiKey].flatMap { kind in options[kind].stocks.keys.map { kind.name(of: $0) } }
        self.options = options
        self.rates = rates
        self.policies = policies
        report = LimitReport(names + [CallerKind.address.name(of: .connections)], logger: logger)
    }

    // MARK: Requests

    /// Counts a step of a request that its head alone decides.
    ///
    /// - Parameter counts: Whether the step is counted; if not, it is checked only.
    /// - Returns: What counts the later steps; nil if the caller has no rates.
    /// - Throws: ``ProblemKind/rateLimited``.
    func admit(
        _ caller: Caller, _ cost: RateCost, for head: HTTPRequest, on channel: any Channel, counts: Bool = true
    ) throws(Problem) -> RequestAllowance? {
        let subject = countedSubject(of: caller)
        let address = countedAddress(of: caller, head, channel)
        guard let first = subject ?? address else { return nil }
        let second = subject == nil ? nil : address
        // Most callers count in one way.
        var policies = self.policies[first.kind] ?? ""
        if let second { policies += ", \(self.policies[second.kind] ?? "")" }
        let allowance = RequestAllowance(rates, of: first, address: second, policies: policies)
        try allowance.take(cost, counts: counts)
        return allowance
    }

    /// Counts a step of a socket, of which only the opening has a head.
    ///
    /// - Parameter subjects: Those of ``subjects(of:_:_:)`` for the head of its opening.
    /// - Throws: ``ProblemKind/rateLimited``.
    func admit(_ subjects: [RateSubject], _ cost: RateCost) throws(Problem) {
        guard let first = subjects.first else { return }
        try RequestAllowance(rates, of: first, address: subjects.dropFirst().first, policies: "").take(cost)
    }

    /// The subjects by which the caller of a socket counts against rates.
    func subjects(of caller: Caller, _ head: HTTPRequest, _ channel: any Channel) -> [RateSubject] {
        [countedSubject(of: caller), countedAddress(of: caller, head, channel)].compactMap(\.self)
    }

    /// The subject of the caller itself; nil without rates of its kind.
    private func countedSubject(of caller: Caller) -> RateSubject? {
        RateSubject(caller).flatMap { policies[$0.kind] == nil ? nil : $0 }
    }

    /// The address by which a user, or a caller without a credential, is counted.
    ///
    /// An API key counts by itself alone, and a caller that is not known yet does not count.
    private func countedAddress(of caller: Caller, _ head: HTTPRequest, _ channel: any Channel) -> RateSubject? {
        switch caller.identity {
        case .unknown, .apiKey: return nil
        case .open, .user: break
        }
        guard policies[.address] != nil else { return nil }
        return address(of: head, on: channel).map { .address($0.counted) }
    }

    /// The address of the client that sent a request; nil if its connection has none.
    private func address(of head: HTTPRequest, on channel: any Channel) -> ClientAddress? {
        guard let peer = ClientAddress(channel.remoteAddress) else { return nil }
        guard options.proxies.trusts(peer) else { return peer }
        return options.proxies.client(
            at: peer, forwardedFor: head.headerFields[values: .forwardedFor],
            forwarded: head.headerFields[values: .forwarded])
    }

    // MARK: Failed credentials

    /// Refuses to check a further signature for an address with too many credentials that were not valid.
    func checkFailures(of head: HTTPRequest, on channel: any Channel) throws(Refusal) {
        guard let address = failing(head, channel) else { return }
        let refused = rates.take(RateCost(failures: 0), by: .address(address), at: Self.now, counts: false)
        guard let standing = refused?.first else { return }
        throw .tooManyFailures(standing, address)
    }

    /// Counts a credential that was not valid; the fields of the rate go into `headers`.
    func noteFailure(of head: HTTPRequest, on channel: any Channel, _ headers: inout HTTPFields) {
        guard let address = failing(head, channel) else { return }
        let cost = RateCost(failures: 1)
        rates.add(cost, by: .address(address), at: Self.now)
        rates.forEachStanding(of: cost, by: .address(address), at: Self.now) { RateFields.write($0, to: &headers) }
    }

    private func failing(_ head: HTTPRequest, _ channel: any Channel) -> ClientAddress? {
        guard options.address.rates[.failures] != nil else { return nil }
        return options.counted(address(of: head, on: channel))
    }

    // MARK: Streams

    /// Throws if a caller may not open another stream of this many topics on this node.
    ///
    /// Streams that begin at the same moment may pass a maximum.
    func checkStocks(of caller: Caller, topics: Int) throws(Problem) {
        guard let subject = stockSubject(of: caller) else { return }
        let (streams, followed) = stocks.withLock { ($0.streams[subject], $0.topics[subject]) }
        try check(streams + 1, .streams, of: subject)
        try check(followed + topics, .topics, of: subject)
    }

    /// The subject by which open streams and topics of a caller count; nil if no maximum applies to its kind.
    private func stockSubject(of caller: Caller) -> RateSubject? {
        RateSubject(caller).flatMap { options[$0.kind].stocks.isEmpty ? nil : $0 }
    }

    private func check(_ count: Int, _ kind: StockKind, of subject: RateSubject) throws(Problem) {
        guard let maximum = options[subject.kind].stocks[kind], count > maximum else { return }
        throw .limitReached(
            ReachedLimit(name: subject.kind.name(of: kind), maximum: maximum, caller: subject.name),
            "A caller like this one has at most \(maximum) \(kind.rawValue) open on a node.")
    }

    /// Counts a stream that has begun, until it ends.
    func keep(_ stream: isolated EventStream, of caller: Caller, topics: Int) {
        guard let subject = stockSubject(of: caller) else { return }
        stocks.withLock {
            $0.streams.add(to: subject)
            $0.topics.add(topics, to: subject)
        }
        stream.whenEnded { _ in
            self.stocks.withLock {
                $0.streams.remove(from: subject)
                $0.topics.remove(topics, from: subject)
            }
        }
    }

    /// Counts a socket that has begun, until it ends; its topics count one by one.
    func keep(_ socket: isolated ClientSocket, of caller: Caller) {
        guard let subject = stockSubject(of: caller) else { return }
        stocks.withLock { $0.streams.add(to: subject) }
        socket.whenEnded { _ in self.stocks.withLock { $0.streams.remove(from: subject) } }
    }

    // MARK: Topics of sockets

    /// Counts a topic of a socket, until ``releaseTopic(of:)``; throws if its caller may follow no further one.
    func takeTopic(of caller: Caller) throws(Problem) {
        guard let subject = stockSubject(of: caller) else { return }
        let followed = stocks.withLock { stocks -> Int in
            stocks.topics.add(to: subject)
            return stocks.topics[subject]
        }
        do throws(Problem) {
            try check(followed, .topics, of: subject)
        } catch {
            releaseTopic(of: caller)
            throw error
        }
    }

    func releaseTopic(of caller: Caller) {
        guard let subject = stockSubject(of: caller) else { return }
        stocks.withLock { $0.topics.remove(from: subject) }
    }

    // MARK: Refusals

    /// Counts and logs a refusal, if it is one of a limit.
    func note(_ error: any Error) {
        if let limit = (error as? Problem)?.limit { report.note(limit) }
    }

    /// Seconds of a clock that does not go back.
    static var now: Double { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }
}

extension RateSubject {
    /// Nil for a caller without a credential, which is known by the address only.
    fileprivate init?(_ caller: Caller) {
        switch caller.identity {
        case .user(let key): self = .user(key)
        case .apiKey(let id): self = .apiKey(id)
        case .unknown, .open: return nil
        }
    }
}

extension ClientAddress {
    /// Returns nil for the address of a Unix socket.
    init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address): self.init(bytesOf: address.address.sin_addr)
        case .v6(let address): self.init(bytesOf: address.address.sin6_addr)
        case .unixDomainSocket, nil: return nil
        }
    }

    private init?<Value>(bytesOf value: Value) {
        guard let address = withUnsafeBytes(of: value, { ClientAddress(bytes: $0) }) else { return nil }
        self = address
    }
}
