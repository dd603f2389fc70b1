// Rollcall · PresenceServer

import Access
import PresenceModel
import PresenceText

extension TopicRight.See {
    /// The right that a view needs.
    init(_ view: View) {
        self =
            switch view {
            case .full: .full
            case .keys: .keys
            case .count: .count
            }
    }

    /// The view that shows all that this level includes.
    var view: View {
        switch self {
        case .full: .full
        case .keys: .keys
        case .nothing, .count: .count
        }
    }
}

extension Caller {
    /// The view of a topic that a request gets: the one that it names, or the most that the caller may see.
    ///
    /// - Parameter least: The least view that makes sense of the request, if it names none.
    func view(of topic: Topic, _ query: QueryParameters, least: View = .count) throws(Problem) -> View {
        let wanted = try query.choice("view", of: View.self).map { TopicRight.See($0) }
        let least = TopicRight.See(least)
        return try allow { () throws(Refusal) in try view(of: topic, wanted: wanted, least: least) }.view
    }

    /// What a stream shows of its topics: the view that it names, or the most that the caller may see of all of them.
    ///
    /// Nothing for a presence without a named view on a topic that the caller may not see: such a stream has the events
    /// of its own presence only.
    func see(_ topics: [Topic], wanted: View?, isPresence: Bool) throws(Problem) -> TopicRight.See {
        if isPresence, wanted == nil, !topics.contains(where: { seesPosition(of: $0) }) { return .nothing }
        var least = TopicRight.See.full
        for topic in topics {
            let shown = try allow { () throws(Refusal) in
                try view(of: topic, wanted: wanted.map { TopicRight.See($0) })
            }
            least = min(least, shown)
        }
        return least
    }

    /// The key that a write names, or the caller's own where it may be left out.
    func key(_ named: Key?, on topic: Topic) throws(Problem) -> Key? {
        try allow { () throws(Refusal) in
            if let named {
                try requireWriting(named, on: topic)
                return named
            }
            guard case .own(let key) = try writer(on: topic) else { return nil }
            return key
        }
    }
}
