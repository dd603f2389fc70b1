// Rollcall · PresenceFeed

package import NIOCore
package import Presence

/// Makes the bytes that subscribers share: each is called once per format and flush, never once per subscriber.
package struct FeedEncoder: Sendable {
    /// The whole roster at a cursor.
    package var state:
        @Sendable (_ topic: Topic, _ roster: Roster, _ cursor: Cursor, _ format: FrameFormat) -> ByteBuffer
    /// A diff that leads to the roster and cursor; nil where the format shows no difference.
    package var diff:
        @Sendable (_ topic: Topic, _ diff: Diff, _ roster: Roster, _ cursor: Cursor, _ format: FrameFormat) ->
            ByteBuffer?

    package init(
        state: @escaping @Sendable (Topic, Roster, Cursor, FrameFormat) -> ByteBuffer,
        diff: @escaping @Sendable (Topic, Diff, Roster, Cursor, FrameFormat) -> ByteBuffer?
    ) {
        self.state = state
        self.diff = diff
    }
}
