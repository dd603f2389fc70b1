// Rollcall · PresenceServer

import Access
import Basics
import PresenceModel
import PresenceText

/// The part of a topic's list that a client asks for.
struct ListPage: Sendable {
    let view: View
    let limit: Int?
    let after: Key?

    /// Whether the query names the view; without it, the view depends on the caller.
    private let namesView: Bool

    /// Whether it is the whole list.
    var isWhole: Bool { self.limit == nil && self.after == nil }

    /// Whether it has an entity tag: the whole list in a view that is always the same at this address.
    var isTagged: Bool { self.isWhole && (self.namesView || self.view == .full) }

    /// Reads `view`, `limit` and `after`.
    ///
    /// Without a view, the list has the most that the caller may see, and a page has keys at least.
    init(
        _ query: QueryParameters, of topic: Topic, to caller: Caller, limits: ClosedRange<Int>
    ) throws(Problem) {
        self.limit = try query.int("limit", in: limits)
        self.after = try query.name("after", Key.init(_:at:))
        let isWhole = self.limit == nil && self.after == nil
        self.namesView = query.has("view")
        self.view = try caller.view(of: topic, query, least: isWhole ? .count : .keys)
        guard self.view != .count || isWhole else {
            let name = self.limit != nil ? "limit" : "after"
            throw Problem(
                .invalidQuery, at: .parameter(name), "\(name) does not go with view=count, which has no pages.")
        }
    }

    /// The two counts alone, for a route without a query.
    static let counts = ListPage(view: .count)

    private init(view: View) {
        self.view = view
        self.namesView = true
        self.limit = nil
        self.after = nil
    }
}
