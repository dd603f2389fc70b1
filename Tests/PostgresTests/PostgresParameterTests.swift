// Rollcall · PostgresTests

import Testing

@testable import Postgres

@Suite("Parameters of statements")
struct PostgresParameterTests {
    @Test func `Every element of an array is quoted, with quotes and backslashes in it escaped`() throws {
        #expect(try PostgresParameter.textArray([]).encoded() == "{}")
        #expect(try PostgresParameter.textArray(["", "a,b", "{}", "NULL"]).encoded() == #"{"","a,b","{}","NULL"}"#)
        #expect(try PostgresParameter.textArray([#"""#, #"\"#, #"a\"b"#]).encoded() == #"{"\"","\\","a\\\"b"}"#)
    }

    @Test func `A text is encoded as it is, and NULL as nil`() throws {
        #expect(try PostgresParameter.text(#"{"a"\}"#).encoded() == #"{"a"\}"#)
        #expect(try PostgresParameter.null.encoded() == nil)
    }

    @Test func `C strings equal the texts, and nil is a null pointer`() {
        let texts = ["", nil, "é 👩‍👩‍👧", "x"]
        let copies = withCStrings(texts) { $0.map { $0.map { String(cString: $0) } } }
        #expect(copies == texts)
        #expect(withCStrings([]) { $0.count } == 0)
    }

    @Test func `PostgreSQL's own time-out is a little shorter than ours, and the same for times that are close`() {
        #expect(PostgresConnection.statementTimeout(for: .milliseconds(250)) == 224)
        #expect(PostgresConnection.statementTimeout(for: .milliseconds(247)) == 224)
        #expect(PostgresConnection.statementTimeout(for: .zero) == 1)
        #expect(PostgresConnection.statementTimeout(for: .seconds(1 << 40)) == 1_879_048_192)
        for milliseconds in 1..<20_000 {
            let ours = PostgresConnection.statementTimeout(for: .milliseconds(milliseconds))
            #expect(ours >= 1 && (ours < milliseconds || milliseconds == 1))
            #expect(milliseconds < 20 || Double(ours) > Double(milliseconds) * 0.8)
        }
    }
}
