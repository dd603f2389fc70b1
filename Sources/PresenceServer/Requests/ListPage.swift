// Rollcall · PresenceServer

import Basics
import PresenceModel
import PresenceText

/// The part of a topic's list that a client asks for.
struct ListPage: Sendable {
    let view: View
    let limit: Int?
    let after: Key?

    /// Whether it is the whole list; only the whole list has an entity tag.
    var isWhole: Bool { self.limit == nil && self.after == nil }

    /// Reads `view`, `limit` and `after`.
    init(_ query: QueryParameters, limits: ClosedRange<Int>) throws(Problem) {
        self.view = try query.choice("view", of: View.self) ?? .full
        self.limit = try query.int("limit", in: limits)
        self.after = try query.name("after", Key.init(_:at:))
        guard self.view != .count || self.isWhole else {
            let name = self.limit != nil ? "limit" : "after"
            throw Problem(
                .invalidQuery, at: .parameter(name), "\(name) does not go with view=count, which has no pages.")
        }
    }

    /// The two counts alone, for a route without a query.
    static let counts = ListPage(view: .count)

    private init(view: View) {
        self.view = view
        self.limit = nil
        self.after = nil
    }
}
