// Rollcall · PresenceServer

import Access

/// Decides which connections of a node are beyond a limit, as a pure state machine.
///
/// Such connections are few at a time: they serve probes and refuse everything else. When there are too many of them,
/// the oldest one closes. So a probe is answered on a node that is full, and clients that send nothing cannot prevent
/// that.
struct PlaceBook: Sendable {
    enum Place: Equatable {
        case regular
        /// Beyond the limit of the node.
        case beyondNode
        /// Beyond the limit of its address.
        case beyondAddress
    }

    struct Entry: Equatable {
        let place: Place
        /// A connection that closes now.
        let closing: Int?
    }

    private let maximum: Int
    private let maximumOfAddress: Int
    private let reserve: Int
    private var regular = 0
    private var addresses = Stock<ClientAddress>()
    /// The connections beyond a limit, the oldest first; at most `reserve`.
    private var beyond: [Int] = []

    /// - Parameters:
    ///   - maximum: Regular connections of the node at most.
    ///   - maximumOfAddress: Those of one address at most.
    ///   - reserve: Connections beyond a limit at most.
    init(maximum: Int, maximumOfAddress: Int, reserve: Int) {
        self.maximum = maximum
        self.maximumOfAddress = maximumOfAddress
        self.reserve = reserve
    }

    /// - Parameter address: The address by which the connection is counted; nil if it is not.
    mutating func open(_ id: Int, from address: ClientAddress?) -> Entry {
        let isBeyondAddress = address.map { addresses[$0] >= maximumOfAddress } ?? false
        guard isBeyondAddress || regular >= maximum else {
            regular += 1
            if let address { addresses.add(to: address) }
            return Entry(place: .regular, closing: nil)
        }
        beyond.append(id)
        let closing = beyond.count > reserve ? beyond.removeFirst() : nil
        return Entry(place: isBeyondAddress ? .beyondAddress : .beyondNode, closing: closing)
    }

    /// - Parameters:
    ///   - place: The place that the connection had.
    ///   - address: As it was opened with.
    mutating func close(_ id: Int, at place: Place, from address: ClientAddress?) {
        guard place == .regular else { return beyond.removeAll { $0 == id } }
        regular -= 1
        if let address { addresses.remove(from: address) }
    }
}
