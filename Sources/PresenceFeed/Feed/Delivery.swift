// Rollcall · PresenceFeed

import NIOCore
import PresenceModel
import PresenceText

/// The content of a flush with its enrichment: encoded once for each format, and given to the subscribers of each loop.
struct Delivery: Sendable {
    /// The first events of one new subscriber, in this order.
    struct FirstEvents: Sendable {
        let arrival: Flush.Arrival
        /// `degraded` or `recovered`, where that was sent to others while this one waited for the hook.
        let notice: FeedEvent?
        /// The last change of the subscriber's own presence, else its state in the roster; nil if there is neither.
        let own: OwnChange?
    }

    let flush: Flush
    let enriched: EnrichedRoster
    /// Keys with changed data that is there.
    let changedKeys: [Key]
    let firstEvents: [FirstEvents]
    /// The formats of all subscribers, with their numbers.
    let formats: [FrameFormat: Int]
    /// Whether the hook adds anything on this topic.
    let isEnriched: Bool

    /// Whether nothing is sent, and the next flush need not wait for this one.
    var isEmpty: Bool { !flush.isForAll && changedKeys.isEmpty && firstEvents.isEmpty }
}

extension Delivery {
    /// The bytes of a delivery.
    struct Frames {
        /// For all subscribers; nil where there is no diff.
        var diff: [FrameFormat: ByteBuffer]?
        var dataChange: [FrameFormat: ByteBuffer]?
        /// In the order of `firstEvents`.
        var firstEvents: [[FeedEvent]] = []
        /// States that were encoded for this delivery, by ``FrameFormat/ofStates``.
        var states: [FrameFormat: ByteBuffer] = [:]
    }

    /// Encodes each frame once for all subscribers that get the same.
    func encode() -> Frames {
        var frames = Frames()
        if let batch = flush.batch { frames.diff = each { EventEncoder.diff(batch.diff, to: enriched, format: $0) } }
        if !changedKeys.isEmpty {
            frames.dataChange = each { EventEncoder.dataChange(of: changedKeys, in: enriched, format: $0) }
        }
        encodeFirstEvents(to: &frames)
        return frames
    }

    private func encodeFirstEvents(to frames: inout Frames) {
        if firstEvents.isEmpty { return }
        var resumed: [FrameFormat: [Flush.Origin: [FeedEvent]]] = [:]
        var wholeRoster: [FrameFormat: ByteBuffer?] = [:]

        /// Data that a client which holds older entries may lack; nil for no frame.
        func changedData(of keys: [Key]?, _ format: FrameFormat) -> ByteBuffer? {
            if !isEnriched || !format.showsData || keys?.isEmpty == true { return nil }
            if let keys { return EventEncoder.dataChange(of: keys, in: enriched, format: format) }
            let frame =
                wholeRoster[format]
                ?? EventEncoder.dataChange(of: Array(enriched.roster.keys), in: enriched, format: format)
            wholeRoster[format] = .some(frame)
            return frame
        }

        func resume(from origin: Flush.Origin, _ resumption: Flush.Resumption, _ format: FrameFormat) -> [FeedEvent] {
            if let events = resumed[format]?[origin] { return events }
            let missed =
                resumption.diff.isEmpty ? nil : EventEncoder.diff(resumption.diff, to: enriched, format: format)
            var events = [FeedEvent.resumed(missed, enriched.cursor)]
            if let frame = changedData(of: resumption.changedKeys, format) { events.append(.dataChanged(frame)) }
            resumed[format, default: [:]][origin] = events
            return events
        }

        func state(isReturning: Bool, _ format: FrameFormat) -> [FeedEvent] {
            let shared = format.ofStates
            let state = flush.states[format] ?? frames.states[shared] ?? EventEncoder.state(enriched, format: format)
            if flush.states[format] == nil { frames.states[shared] = state }
            var events = [FeedEvent.state(state, enriched.cursor)]
            if isReturning, enriched.counts.keys > 0, let frame = changedData(of: nil, format) {
                events.append(.dataChanged(frame))
            }
            return events
        }

        for first in firstEvents {
            let (arrival, format) = (first.arrival, first.arrival.subscription.format)
            var events: [FeedEvent]
            if let origin = arrival.origin, let resumption = flush.resumptions[origin] {
                events = resume(from: origin, resumption, format)
            } else {
                events = state(isReturning: arrival.isReturning, format)
            }
            if let notice = first.notice { events.append(notice) }
            if let own = first.own { events.append(.own(own)) }
            frames.firstEvents.append(events)
        }
    }

    private func each(_ encode: (FrameFormat) -> ByteBuffer?) -> [FrameFormat: ByteBuffer] {
        var frames: [FrameFormat: ByteBuffer] = [:]
        for format in formats.keys { frames[format] = encode(format) }
        return frames
    }
}
