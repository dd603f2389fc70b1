// Rollcall · PresenceServerTests

import Foundation
import NIOCore
import PresenceModel
import PresenceText
import TestSupport
import Testing
import Yams

@testable import PresenceServer

/// Compares the events of `openapi.yaml` with those that streams send.
@Suite("The events of the contract")
struct EventContractTests {
    private let schemas: Node

    init() throws {
        let document = try Yams.compose(yaml: String(decoding: PackageResources.openapi_yaml, as: UTF8.self))
        self.schemas = try #require(document?["components"]?["schemas"])
    }

    @Test func `Every event that the sources send is in Event, and every event of Event is sent`() throws {
        let names = Set(try self.events(of: "Event").keys)
        let sent = try Self.namesInSources()
        for name in sent.sorted() { #expect(names.contains(name), "Event lacks \(name)") }
        for name in names.sorted() { #expect(sent.contains(name), "no source sends \(name)") }
    }

    @Test(arguments: [("Event", false), ("TopicEvent", true)])
    func `The data of each event has the members that its schema requires, and no other`(
        union: String, isWrapped: Bool
    ) throws {
        let events = try self.events(of: union)
        let frames = try Self.frames(isWrapped: isWrapped).map(Self.event)
        #expect(Set(frames.map(\.name)) == Set(events.keys))
        for frame in frames {
            let data = try self.resolved(try #require(events[frame.name]?["properties"]?["data"], "\(frame.name)"))
            let members = try #require(try frame.json.object, "\(frame.name)").keys.map(\.text)
            // An object without required members is a map, or is empty.
            guard let required = data["required"]?.sequence?.compactMap(\.string) else { continue }
            #expect(Set(members) == Set(required), "\(frame.name)")
        }
    }

    @Test(arguments: ["Event", "TopicEvent"])
    func `Each event of a union is one of its discriminator, under the same name`(union: String) throws {
        let mapping = try #require(self.schemas[union]?["discriminator"]?["mapping"]?.mapping)
        let names = mapping.map { (key: $0.key.string ?? "", target: $0.value.string) }
        let references = self.schemas[union]?["oneOf"]?.sequence?.map { $0["$ref"]?.string }
        #expect(names.map(\.target) == references)
        #expect(Set(names.map(\.key)) == Set(try self.events(of: union).keys))
    }

    @Test func `The contract lists all reasons of leaves, and of ends of streams`() throws {
        let ends = StreamEnd.allCases.filter { $0 != .clientGone }.map(\.rawValue)
        try self.expect(self.schemas["LeaveReason"], toList: LeaveReason.allCases.map(\.rawValue))
        try self.expect(self.schemas["End"]?["properties"]?["reason"], toList: ends)
    }

    /// Compares the examples of a text with names, and looks for each name in its description.
    private func expect(_ text: Node?, toList names: [String]) throws {
        let examples = try #require(text?["examples"]?.sequence).compactMap(\.string)
        #expect(Set(examples) == Set(names))
        let description = try #require(text?["description"]?.string)
        for name in names { #expect(description.contains("* `\(name)`: "), "\(name) is not explained") }
    }

    /// The schemas of a union, by the name of the event.
    private func events(of union: String) throws -> [String: Node] {
        var events: [String: Node] = [:]
        for reference in try #require(self.schemas[union]?["oneOf"]?.sequence) {
            let event = try self.resolved(reference)
            let name = try #require(event["properties"]?["event"]?["const"]?.string)
            events[name] = event
        }
        return events
    }

    /// The node itself, or the schema that it refers to.
    private func resolved(_ node: Node) throws -> Node {
        guard let reference = node["$ref"]?.string else { return node }
        return try #require(self.schemas[String(reference.split(separator: "/").last ?? "")], "\(reference)")
    }

    /// The names of the events in all sources.
    private static func namesInSources() throws -> Set<String> {
        var names: Set<String> = []
        let folder = URL(fileURLWithPath: repository + "/Sources")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /[ .]event\("([a-z_]+)"/) { names.insert(String(match.1)) }
            // The name of a state or a diff depends on the view.
            for match in text.matches(of: /"(presence_[a-z_]+)"/) { names.insert(String(match.1)) }
        }
        return names
    }

    /// A frame of each event, of a stream of one topic or of many.
    private static func frames(isWrapped: Bool) throws -> [ByteBuffer] {
        let member = Member(key: try Key("alice"), session: try Session("tab-1"))
        let presence = Presence(ref: .random(), previous: nil, meta: .empty)
        let roster = EnrichedRoster(
            topic: try Topic("lobby"), cursor: try #require(Cursor("6f1c09d2a7b3e481-17")),
            roster: Roster([(member: member, presence: presence)]))
        let join = Diff([try #require(Change(member: member, before: nil, after: presence))])
        let entries = FrameFormat(view: .full, isWrapped: isWrapped)
        let counts = FrameFormat(view: .count, isWrapped: isWrapped)

        var frames = [
            EventEncoder.state(roster, format: entries),
            EventEncoder.state(roster, format: counts),
            try #require(EventEncoder.diff(join, to: roster, format: entries)),
            try #require(EventEncoder.dataChange(of: [member.key], in: roster, format: entries)),
            StreamFrames.degraded(since: .now()),
            StreamFrames.recovered,
            StreamFrames.expiring(at: 1_800_000_000),
            StreamFrames.ping,
            StreamFrames.error(Problem(.nodeFull, "full"), instance: "1", under: .root),
            StreamFrames.end(.draining),
        ]
        if !isWrapped {
            frames.append(StreamFrames.tracked(member, ref: presence.ref, grace: 5))
            frames.append(StreamFrames.untracked(member))
        }
        return frames
    }

    private static func event(of frame: ByteBuffer) throws -> SSEEvent {
        var parser = SSEParser()
        let items = parser.feed(EventFrame.unframed(frame).readableBytesView)
        let events = items.compactMap { if case .event(let event) = $0 { event } else { nil } }
        return try #require(events.first)
    }
}
