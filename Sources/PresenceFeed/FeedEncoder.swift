// Rollcall · PresenceFeed

package import NIOCore
package import Presence

/// Makes the bytes that subscribers share: each is called once per format and flush, never once per subscriber.
package struct FeedEncoder: Sendable {
    /// The whole roster at a cursor.
    package var state: @Sendable (EnrichedRoster, FrameFormat) -> ByteBuffer
    /// A diff that leads to the roster and its cursor; nil where the format shows no difference.
    package var diff: @Sendable (Diff, EnrichedRoster, FrameFormat) -> ByteBuffer?
    /// Entries with changed data and unchanged metas; nil where the format shows no data.
    package var dataChange: @Sendable (_ keys: [Key], EnrichedRoster, FrameFormat) -> ByteBuffer?

    package init(
        state: @escaping @Sendable (EnrichedRoster, FrameFormat) -> ByteBuffer,
        diff: @escaping @Sendable (Diff, EnrichedRoster, FrameFormat) -> ByteBuffer?,
        dataChange: @escaping @Sendable ([Key], EnrichedRoster, FrameFormat) -> ByteBuffer?
    ) {
        self.state = state
        self.diff = diff
        self.dataChange = dataChange
    }
}
