// Rollcall · PresenceFeed

package import Presence

/// The form of a subscriber's frames: what they show of a presence, and whether they contain the topic's name.
package struct FrameFormat: Hashable, Sendable {
    package let view: View
    /// Data is wrapped with its topic and comes without an `id`: the subscriber follows several topics and adds its own.
    package let isWrapped: Bool

    package init(view: View, isWrapped: Bool = false) {
        self.view = view
        self.isWrapped = isWrapped
    }
}
