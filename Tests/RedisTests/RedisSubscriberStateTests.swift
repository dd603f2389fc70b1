// Rollcall · RedisTests

import NIOCore
import RandomInput
import TestSupport
import Testing

@testable import Redis

@Suite("The state of the subscriber")
struct RedisSubscriberStateTests {
    private let a = ByteBuffer(string: "a")
    private let b = ByteBuffer(string: "b")

    @Test func `A channel is subscribed once, however often it is requested`() throws {
        var state = RedisSubscriberState()
        #expect(state.connected().isEmpty)
        #expect(state.subscribe(a)?.name == "SUBSCRIBE")
        #expect(state.subscribe(a) == nil)
        #expect(!state.isSubscribed(to: a))
        let outcome = try state.acknowledged(a, isSubscription: true)
        #expect(outcome.isSubscribed && outcome.command == nil)
        #expect(state.isSubscribed(to: a))
        #expect(state.subscribe(a) == nil)
    }

    @Test func `A change of what is wanted waits for the acknowledgement`() throws {
        var state = RedisSubscriberState()
        _ = state.connected()
        _ = state.subscribe(a)
        #expect(state.unsubscribe(a) == nil)
        let first = try state.acknowledged(a, isSubscription: true)
        #expect(!first.isSubscribed)
        #expect(first.command?.name == "UNSUBSCRIBE")
        #expect(state.subscribe(a) == nil)
        let second = try state.acknowledged(a, isSubscription: false)
        #expect(!second.isSubscribed)
        #expect(second.command?.name == "SUBSCRIBE")
        #expect(try state.acknowledged(a, isSubscription: true).isSubscribed)
        #expect(!state.isWaiting)
    }

    @Test func `Two changes that cancel each other before the acknowledgement send no command`() throws {
        var state = RedisSubscriberState()
        _ = state.connected()
        _ = state.subscribe(a)
        #expect(state.unsubscribe(a) == nil)
        #expect(state.subscribe(a) == nil)
        let outcome = try state.acknowledged(a, isSubscription: true)
        #expect(outcome.isSubscribed && outcome.command == nil)
    }

    @Test func `A new connection subscribes to all wanted channels, in groups, and to no others`() throws {
        var state = RedisSubscriberState()
        for number in 0..<1_200 { #expect(state.subscribe(ByteBuffer(string: "\(number)")) == nil) }
        _ = state.unsubscribe(ByteBuffer(string: "7"))
        let commands = state.connected()
        #expect(commands.map(\.arguments.count) == [500, 500, 199])
        #expect(Set(commands.flatMap(\.arguments)).count == 1_199)
        _ = try state.acknowledged(#require(commands[0].arguments[0].asBuffer), isSubscription: true)
        state.disconnected()
        #expect(!state.isWaiting)
        #expect(state.connected().map(\.arguments.count) == [500, 500, 199])
    }

    @Test func `An acknowledgement that is not due is a protocol violation`() throws {
        var state = RedisSubscriberState()
        _ = state.connected()
        #expect(throws: RedisError.self) { try state.acknowledged(a, isSubscription: true) }
        _ = state.subscribe(a)
        _ = state.subscribe(b)
        #expect(throws: RedisError.self) { try state.acknowledged(b, isSubscription: true) }
        var other = RedisSubscriberState()
        _ = other.connected()
        _ = other.subscribe(a)
        #expect(throws: RedisError.self) { try other.acknowledged(a, isSubscription: false) }
    }

    /// A model of Redis acknowledges in order, while wanted channels change and connections end at random.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func `When no acknowledgement is due, Redis has exactly the wanted channels`(seed: UInt64) throws {
        var generator = SplitMix(seed: seed)
        var state = RedisSubscriberState()
        var wire: [RedisCommand] = []
        var server: Set<ByteBuffer> = []
        var wanted: Set<ByteBuffer> = []
        func answerOne() throws {
            let command = wire.removeFirst()
            for argument in command.arguments {
                let channel = try #require(argument.asBuffer)
                let isSubscription = command.name == "SUBSCRIBE"
                if isSubscription { server.insert(channel) } else { server.remove(channel) }
                let outcome = try state.acknowledged(channel, isSubscription: isSubscription)
                #expect(!outcome.isSubscribed || wanted.contains(channel))
                if let next = outcome.command { wire.append(next) }
            }
        }
        for _ in 0..<300 {
            let channel = ByteBuffer(string: "\(Int.random(in: 0...5, using: &generator))")
            switch Int.random(in: 0...9, using: &generator) {
            case 0...3:
                wanted.insert(channel)
                if let command = state.subscribe(channel) { wire.append(command) }
            case 4...6:
                wanted.remove(channel)
                if let command = state.unsubscribe(channel) { wire.append(command) }
            case 7...8 where !wire.isEmpty:
                try answerOne()
            case 9:
                state.disconnected()
                server = []
                wire = state.connected()
            default: break
            }
        }
        if !state.isConnected { wire = state.connected() }
        while !wire.isEmpty { try answerOne() }
        #expect(server == wanted)
        #expect(!state.isWaiting)
    }
}

extension RedisArgument {
    fileprivate var asBuffer: ByteBuffer? {
        guard case .buffer(let buffer) = self else { return nil }
        return buffer
    }
}
