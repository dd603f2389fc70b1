// Rollcall · JSONTextTests

import JSONText
import RandomInput
import Testing

@Suite("Merge patches")
struct JSONMergingTests {
    @Test(
        arguments: [
            (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
            (#"{"a":"b"}"#, #"{"a":null}"#, #"{}"#), (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
            (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#), (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
            (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
            (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#), (#"["a","b"]"#, #"["c","d"]"#, #"["c","d"]"#),
            (#"{"a":"b"}"#, #"["c"]"#, #"["c"]"#), (#"{"a":"foo"}"#, "null", "null"),
            (#"{"a":"foo"}"#, #""bar""#, #""bar""#),
            (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#), (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
            (#"{}"#, #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
        ])
    func `Every example of RFC 7396, appendix A, has its result`(original: String, patch: String, result: String) throws
    {
        #expect(try merge(original, patch) == result)
    }

    @Test func `The example of RFC 7396, section 3, has its result`() throws {
        let original =
            #"{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],"content":"This will be unchanged"}"#
        let patch =
            #"{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}"#
        let result =
            #"{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged","phoneNumber":"+01-123-456-7890"}"#
        #expect(try merge(original, patch) == result)
    }

    @Test(
        arguments: [
            (#"{"n":1e400,"\u0061":1,"z":-0}"#, #"{"a":2}"#, #"{"n":1e400,"\u0061":2,"z":-0}"#),
            (
                #"{"n":1.0,"s":"\/\u00e9","e":[],"o":{"x":null}}"#, #"{"\u006e":null}"#,
                #"{"s":"\/\u00e9","e":[],"o":{"x":null}}"#
            ),
            (#"{"a":1,"b":2,"c":3}"#, #"{"d":4,"b":null,"a":0}"#, #"{"a":0,"c":3,"d":4}"#),
            (#"{"a":{"b":1.50,"c":2}}"#, #"{"a":{"c":{"d":null,"e":1e1}}}"#, #"{"a":{"b":1.50,"c":{"e":1e1}}}"#),
            (#"{"a":1}"#, "{}", #"{"a":1}"#),
            ("{\"ü\":1}", "{\"u\u{308}\":2}", "{\"ü\":1,\"u\u{308}\":2}"),
        ])
    func `Members that a patch does not touch keep their place and text`(
        original: String, patch: String, result: String
    ) throws {
        #expect(try merge(original, patch).utf8.elementsEqual(result.utf8))
    }

    @Test func `A merge of random objects equals that of the pseudocode in RFC 7396`() throws {
        let seed = SplitMix.freshSeed()
        var random = RandomJSON(generator: SplitMix(seed: seed))
        let names = (0..<12).map { "m\($0)" }
        for _ in 0..<300 {
            let original = try JSON(parsing: random.object(depth: 3, named: names.shuffled(using: &random.generator)))
            let patch = try JSON(parsing: random.object(depth: 3, named: names.shuffled(using: &random.generator)))
            let merged = original.merged(with: patch)
            #expect(Model(merged) == Model(original).merged(with: Model(patch)), "seed \(seed)")
            #expect(throws: Never.self, "seed \(seed)") { try JSON(parsing: merged.compact) }
        }
    }

    @Test func `A merge keeps names apart that differ only in their bytes, also in nested objects`() throws {
        let original = try JSON(parsing: "{\"m\":{\"ü\":1}}")
        let patch = try JSON(parsing: "{\"m\":{\"u\u{308}\":2}}")
        let merged = original.merged(with: patch)
        #expect(merged.compact.elementsEqual("{\"m\":{\"ü\":1,\"u\u{308}\":2}}".utf8))
        #expect(Model(merged) == Model(original).merged(with: Model(patch)))
    }

    private func merge(_ original: String, _ patch: String) throws -> String {
        text(try JSON(parsing: original).merged(with: JSON(parsing: patch)).compact)
    }
}

/// The pseudocode of RFC 7396 over dictionaries, with names as bytes: Swift takes some different texts for equal.
private indirect enum Model: Equatable {
    case object([[UInt8]: Model])
    case other(String)

    init(_ json: JSON) {
        guard let members = json.members else {
            self = .other(text(json.compact))
            return
        }
        self = .object(
            Dictionary(uniqueKeysWithValues: members.map { (Array($0.name.decoded), Model($0.value)) }))
    }

    func merged(with patch: Model) -> Model {
        guard case .object(let changes) = patch else { return patch }
        var members: [[UInt8]: Model] = if case .object(let members) = self { members } else { [:] }
        for (name, value) in changes {
            members[name] = value == .other("null") ? nil : (members[name] ?? .other("null")).merged(with: value)
        }
        return .object(members)
    }
}
