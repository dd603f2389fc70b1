// Rollcall · PresenceFeed

package import Presence

/// How a subscriber wants to be told: what is shown of a presence, and whether the topic's name goes with it.
package struct FrameFormat: Hashable, Sendable {
    package let view: View
    /// Data is wrapped with its topic and comes without an `id`: the subscriber follows several topics and adds its own.
    package let isWrapped: Bool

    package init(view: View, isWrapped: Bool = false) {
        self.view = view
        self.isWrapped = isWrapped
    }
}
