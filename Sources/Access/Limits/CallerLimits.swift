// Rollcall · Access

import Basics

/// The kinds of callers, which have limits of their own.
package enum CallerKind: String, CaseIterable, Sendable {
    case user
    case apiKey = "api_key"
    /// The address of a client, for users and for callers without a credential.
    case address

    /// The name of a limit in header fields, problems, metrics and the log, such as `user_requests`.
    package func name(of kind: RateKind) -> String { "\(rawValue)_\(kind.rawValue)" }

    package func name(of kind: StockKind) -> String { "\(rawValue)_\(kind.rawValue)" }

    /// The rates that this kind of caller may have.
    var rates: Set<RateKind> {
        let common: Set<RateKind> = [.requests, .tracks, .bytes, .tickets]
        return self == .address ? common.union([.failures]) : common
    }

    /// The stocks that this kind of caller may have.
    var stocks: Set<StockKind> { self == .address ? [.connections] : [.streams, .topics] }
}

/// What a rate counts.
package enum RateKind: String, CaseIterable, Sendable {
    /// Requests, and in place of a batch each of its operations.
    case requests
    /// Writes that may change a presence: tracks, puts, patches and streams with a key.
    case tracks
    /// Bytes of metas and patches.
    case bytes
    /// Tickets that are made.
    case tickets
    /// Credentials that are not valid.
    case failures
}

/// What a caller has open at once, on one node.
package enum StockKind: String, CaseIterable, Sendable {
    case streams
    /// Topics of these streams; a topic that two streams follow counts twice.
    case topics
    case connections
}

/// The limits of one kind of caller, as its setting has them: `requests=500/10s,tracks=200/10s,streams=100`.
package struct CallerLimits: Hashable, Sendable, CustomStringConvertible {
    package private(set) var rates: [RateKind: Rate] = [:]
    package private(set) var stocks: [StockKind: Int] = [:]

    private init() {}

    /// The limits that hold without a setting; docs/access.md has the reasons.
    package static func standard(_ kind: CallerKind) -> CallerLimits {
        var limits = CallerLimits()
        switch kind {
        case .user:
            limits.rates = [
                .requests: Rate(500, in: 10), .tracks: Rate(200, in: 10), .bytes: Rate(262_144, in: 10),
                .tickets: Rate(100, in: 10),
            ]
            limits.stocks = [.streams: 100, .topics: 1_000]
        case .apiKey: break
        case .address: limits.rates = [.failures: Rate(100, in: 10)]
        }
        return limits
    }

    /// A part of the text of a setting.
    package static func example(_ kind: CallerKind) -> String {
        kind == .address ? "failures=100/10s" : "requests=500/10s,streams=100"
    }

    private static let noLimit = "none"

    /// Reads limits; `none` lifts one of them, or all.
    ///
    /// A name that is left out keeps its standard.
    ///
    /// - Returns: Nil for a text that has another form, or a name that the kind of caller does not have.
    package init?(_ text: String, of kind: CallerKind) {
        guard text != Self.noLimit else { return }
        self = .standard(kind)
        var names: Set<String> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", omittingEmptySubsequences: false).map { $0.split(separator: " ") }
            guard pair.count == 2, pair.allSatisfy({ $0.count == 1 }) else { return nil }
            let (name, value) = (String(pair[0][0]), String(pair[1][0]))
            guard names.insert(name).inserted, set(name, to: value == Self.noLimit ? nil : value, of: kind)
            else { return nil }
        }
    }

    /// Sets a limit, and returns whether the name and the value can be.
    private mutating func set(_ name: String, to value: String?, of kind: CallerKind) -> Bool {
        if let rate = RateKind(rawValue: name), kind.rates.contains(rate) {
            rates[rate] = value.flatMap { Rate($0) }
            return value == nil || rates[rate] != nil
        }
        guard let stock = StockKind(rawValue: name), kind.stocks.contains(stock) else { return false }
        stocks[stock] = value.flatMap { decimal($0.utf8) }.flatMap { 1...10_000_000 ~= $0 ? $0 : nil }
        return value == nil || stocks[stock] != nil
    }

    /// The text of the setting.
    package var description: String {
        let rates = RateKind.allCases.compactMap { kind in self.rates[kind].map { "\(kind.rawValue)=\($0)" } }
        let stocks = StockKind.allCases.compactMap { kind in self.stocks[kind].map { "\(kind.rawValue)=\($0)" } }
        return rates.isEmpty && stocks.isEmpty ? Self.noLimit : (rates + stocks).joined(separator: ",")
    }
}
