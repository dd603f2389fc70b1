// Rollcall · PhoenixSocketTests

import NIOCore
import PresenceModel
import RandomInput
import Testing

@testable import PhoenixSocket

/// Random histories of one socket, compared with a model in which a join is a number and a channel has one state.
@Suite("Sockets in random histories")
struct SocketHistoryTests {
    @Test func `each message is answered once, channels follow the model, and no presence is left behind`() async {
        let seed = SplitMix.freshSeed()
        for number in 0..<5_000 {
            // The tests share few threads, and some of the others depend on the time.
            await Task.yield()
            var history = SocketHistory(seed: seed &+ UInt64(number))
            if let fault = history.run() {
                Issue.record("ROLLCALL_TEST_SEED=\(seed &+ UInt64(number)): \(fault)")
                return
            }
        }
    }
}

/// One life of a socket: its client, the store and the feeds do random things.
private struct SocketHistory {
    private struct Channel {
        /// The ref of the join, which is its join_ref too.
        let join: Int
        var isJoined = false
        /// Messages for it.
        var pushes: [Int] = []
        /// The joined channel that this one replaces.
        var replaces: Int?
    }

    private var random: SplitMix
    private let version: SocketVersion
    private var state: SocketState
    private var model: [String: Channel] = [:]
    private var lastRef = 0
    /// Messages that must still be answered.
    private var due: Set<Int> = []
    /// Joins that must still be closed by `phx_close`, and the join with an answer that comes first.
    private var closes: [Int: Int?] = [:]
    /// Joins that must still be ended by `phx_error`.
    private var errors: Set<Int> = []
    private var topics: [ChannelID: String] = [:]
    private var current: [String: ChannelID] = [:]
    private var runningJoins: [ChannelID] = []
    private var runningChanges: [ChannelID] = []
    /// Presences that are tracked.
    private var tracked: Set<ChannelID> = []
    private var log: [String] = []
    private var fault: String?

    init(seed: UInt64) {
        random = SplitMix(seed: seed)
        version = random.pick([.v1, .v2])
        let parameters = SocketParameters(query: version == .v1 ? "" : "vsn=2.0.0")
        guard let options = SocketOptions(parameters) else { fatalError("no such version") }
        state = SocketState(
            options: options, parameters: parameters, ownKey: nil, limits: Limits(), at: TestSocket.start)
    }

    /// Returns what went wrong.
    mutating func run() -> String? {
        for _ in 0..<(5 + random.below(80)) {
            step()
            if let fault { return "\(fault): \(log)" }
        }
        if random.chance(50) { settle() }
        handle(.ended(random.pick([.closedByClient, .connectionLost, .draining, .revoked])))
        while !runningJoins.isEmpty { endJoin() }
        if fault == nil, !tracked.isEmpty { fault = "presences of \(tracked) are left behind" }
        if fault == nil, !state.isSettled { fault = "the socket waits for something" }
        return fault.map { "\($0): \(log)" }
    }

    private mutating func step() {
        let topic = random.pick(["a", "b", "c"])
        switch random.below(20) {
        case 0...3: join(topic)
        case 4...5: leave(topic)
        case 6...10: push(topic)
        case 11: heartbeat()
        case 12...15: endJoin()
        case 16...17: endChange()
        case 18: endChannel(topic)
        default:
            if random.chance(20) { handle(.queueLost) }
            checkPassages()
        }
    }

    // MARK: The client

    private mutating func nextRef() -> Int {
        lastRef += 1
        return lastRef
    }

    private mutating func send(_ event: String, _ topic: String, join: Int?, ref: Int, _ payload: String = "{}") {
        let line = Line(
            joinRef: join.map { "\($0)" }, ref: "\(ref)", topic: topic, event: event, payload: payload)
        handle(.frame(line.client(version)), line.server(.v2))
    }

    private mutating func join(_ topic: String) {
        let ref = nextRef()
        var channel = Channel(join: ref)
        if let old = model[topic] {
            due.subtract(old.pushes)
            if old.isJoined {
                channel.replaces = old.join
            } else {
                due.remove(old.join)
                closes[old.join] = .some(nil)
                channel.replaces = old.replaces
            }
            if let replaced = channel.replaces { closes[replaced] = ref }
        }
        model[topic] = channel
        due.insert(ref)
        let session = random.chance(30) ? #","session":"s""# : ""
        send("phx_join", topic, join: ref, ref: ref, #"{"name":"alice"\#(session)}"#)
    }

    /// The join_ref of a message: the right one, none, or an earlier or later one.
    private mutating func drawJoinRef(_ topic: String) -> Int? {
        if random.chance(20) { return nil }
        if random.chance(20) { return random.below(lastRef + 2) }
        return model[topic]?.join
    }

    private mutating func leave(_ topic: String) {
        let (ref, joinRef) = (nextRef(), drawJoinRef(topic))
        if let channel = model[topic] {
            guard joinRef == nil || joinRef == channel.join else {
                return send("phx_leave", topic, join: joinRef, ref: ref)
            }
            if channel.isJoined { closes[channel.join] = .some(nil) } else { due.remove(channel.join) }
            if let replaced = channel.replaces, !channel.isJoined { closes[replaced] = .some(nil) }
            model[topic] = nil
        }
        due.insert(ref)
        send("phx_leave", topic, join: joinRef, ref: ref)
    }

    private mutating func push(_ topic: String) {
        let (ref, joinRef) = (nextRef(), drawJoinRef(topic))
        let isStale = model[topic].map { joinRef != nil && joinRef != $0.join } ?? false
        if !isStale {
            due.insert(ref)
            model[topic]?.pushes.append(ref)
        }
        let choices: [(event: String, payload: String)] = [
            ("update", #"{"meta":{"n":\#(ref)}}"#), ("update", #"{"patch":{"n":null}}"#), ("update", "{}"),
            ("track", "{}"), ("untrack", "{}"), ("presence", #"{"event":"track","payload":{}}"#), ("bogus", "{}"),
        ]
        let (event, payload) = random.pick(choices)
        send(event, topic, join: joinRef, ref: ref, payload)
    }

    private mutating func heartbeat() {
        let ref = nextRef()
        due.insert(ref)
        send("heartbeat", "phoenix", join: nil, ref: ref)
    }

    // MARK: The store and the node

    private mutating func endJoin() {
        guard !runningJoins.isEmpty else { return }
        let id = runningJoins.remove(at: random.below(runningJoins.count))
        guard random.chance(80) else { return handle(.refused(id, reason: "unavailable")) }
        tracked.insert(id)
        handle(.joined(id))
    }

    private mutating func endChange() {
        guard !runningChanges.isEmpty else { return }
        let id = runningChanges.remove(at: random.below(runningChanges.count))
        handle(.changed(id, random.pick([.done(nil), .failed(reason: "x")])))
    }

    private mutating func endChannel(_ topic: String) {
        guard let channel = model[topic], channel.isJoined, let id = current[topic], random.chance(50) else { return }
        due.subtract(channel.pushes)
        model[topic] = nil
        if random.chance(50) {
            closes[channel.join] = .some(nil)
            handle(.removed(id))
        } else {
            errors.insert(channel.join)
            handle(.failed(id, reason: "x"))
        }
    }

    /// Everything runs to its end: then each message has its answer.
    private mutating func settle() {
        while fault == nil, !runningJoins.isEmpty || !runningChanges.isEmpty {
            endJoin()
            endChange()
        }
        guard fault == nil else { return }
        if !due.isEmpty { fault = "no answer to \(due.sorted())" }
        if !closes.isEmpty || !errors.isEmpty { fault = "not ended: \(closes.keys.sorted()) \(errors.sorted())" }
        if model.values.contains(where: { !$0.isJoined }) { fault = "a join has no result" }
        if state.channelCount != model.count { fault = "\(state.channelCount) channels, not \(model.count)" }
        checkPassages()
    }

    // MARK: The socket

    /// - Parameter words: The event as a text, if its description is long.
    private mutating func handle(_ event: SocketState.Event, _ words: String? = nil) {
        log.append(words ?? "\(event)")
        for action in state.handle(event, at: TestSocket.start) {
            log.append("  " + (action.words(version) ?? "count"))
            perform(action)
        }
    }

    private mutating func perform(_ action: SocketState.Action) {
        switch action {
        case .send(let message): check(message)
        case .join(let id, let request):
            topics[id] = request.topic.text
            runningJoins.append(id)
        case .subscribe(let id):
            guard let topic = topics[id] else { return fail("a channel without a join") }
            current[topic] = id
        case .change(let id, _):
            if runningChanges.contains(id) { fail("two changes of one channel at once") }
            runningChanges.append(id)
        case .leave(let id, _):
            if tracked.remove(id) == nil { fail("released a presence that is not tracked, or twice") }
        case .ping, .close, .count: break
        }
    }

    private mutating func check(_ message: ServerMessage) {
        guard let ref = Int(message.refs.ref.description) else { return fail("a message without a ref") }
        switch message.event {
        case "phx_reply":
            guard due.remove(ref) != nil else { return fail("an answer to \(ref) that is not due") }
            guard let channel = model[message.topic], channel.join == ref, !channel.isJoined else { return }
            let isOK = message.payload.starts(with: #"{"status":"ok""#.utf8)
            model[message.topic]?.isJoined = true
            if !isOK { model[message.topic] = nil }
        case "phx_close":
            guard let first = closes.removeValue(forKey: ref) else { return fail("a close of \(ref) that is not due") }
            if let first, due.contains(first) { fail("a close of \(ref) before the answer to \(first)") }
        case "phx_error": if errors.remove(ref) == nil { fail("an error of \(ref) that is not due") }
        default: fail("the event \(message.event)")
        }
    }

    private mutating func checkPassages() {
        for (id, topic) in topics {
            let isCurrent = model[topic]?.isJoined == true && current[topic] == id
            let isShown = state.passDiff(of: id) != .dropped
            if isShown, !isCurrent { fail("a diff for a channel that is gone") }
            if (state.passState(of: id) != .dropped) != isCurrent { fail("a state for channel \(id.number)") }
        }
    }

    private mutating func fail(_ what: String) { if fault == nil { fault = what } }
}
