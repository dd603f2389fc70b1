// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("A connection to PostgreSQL")
struct PostgresConnectionTests {
    @Test(
        arguments: [
            "", "it's", #"a "b" \c"#, "{1,2}", "NULL", "$1", "é\u{301} 👩‍👩‍👧 \u{1F600}", "a\u{1}\u{7F}\n\t",
            "'; DROP TABLE x; --",
        ])
    func `Parameters of any text have the same value in PostgreSQL`(text: String) async throws {
        try await withConnection { connection in
            let result = try await connection.query(
                "SELECT $1 AS one, $2, $3, $4::int IS NULL, $3[2] = $1",
                [.text(text), .null, .textArray([text, text, "x"]), .null], timeout: .seconds(60))
            #expect(result.columns.first == "one")
            let row = try #require(result.rows.first)
            #expect(row[0] == Array(text.utf8))
            #expect(row[1] == nil)
            #expect(row[3] == Array("t".utf8))
            #expect(row[4] == Array("t".utf8))
        }
    }

    @Test func `Arrays of any length are accepted, also empty ones`() async throws {
        try await withConnection { connection in
            for count in [0, 1, 5000] {
                let keys = (0..<count).map { "key \"\($0)\"" }
                let result = try await connection.query(
                    "SELECT cardinality($1), $1 = ARRAY(SELECT 'key \"' || i || '\"' FROM generate_series(0, \(count - 1)) i)",
                    [.textArray(keys)], timeout: .seconds(60))
                #expect(result.rows == [[Array("\(count)".utf8), Array("t".utf8)]])
            }
        }
    }

    @Test func `A NUL is refused, in a parameter and in a statement, and the connection is kept`() async throws {
        try await withConnection { connection in
            let inText = await connection.outcome("SELECT $1", [.text("a\0b")])
            #expect(inText.failure?.sqlState == "22021")
            let inArray = await connection.outcome("SELECT $1", [.textArray(["ok", "a\0"])])
            #expect(inArray.failure?.code == .refused)
            let inStatement = await connection.outcome("SELECT 1\0; nonsense")
            #expect(inStatement.failure?.code == .refused)
            #expect(await connection.text("SELECT 1") == "1")
        }
    }

    @Test func `A refused statement has its SQLSTATE, its error contains no value, and the connection stays usable`()
        async throws
    {
        try await withConnection { connection in
            let missing = await connection.outcome("SELECT * FROM nowhere")
            #expect(missing.failure?.code == .refused)
            #expect(missing.failure?.description == #"relation "nowhere" does not exist (SQLSTATE 42P01)"#)
            let data = await connection.outcome("SELECT $1::int", [.text("s3\"cret")])
            #expect(data.failure?.description == #"invalid input syntax for type integer: "…" (SQLSTATE 22P02)"#)
            try await connection.execute(
                "CREATE FUNCTION f(t text) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE 'no %', t; END$$",
                timeout: .seconds(60))
            let raised = await connection.outcome("SELECT f($1)", [.text("s3cret")])
            #expect(raised.failure?.description == "the statement raised an exception (SQLSTATE P0001)")
            #expect(connection.isUsable)
            #expect(await connection.text("SELECT 1") == "1")
        }
    }

    @Test func `A statement without rows returns none`() async throws {
        try await withConnection { connection in
            let made = try await connection.query("CREATE TABLE t(a int)", timeout: .seconds(60))
            #expect(made.columns.isEmpty && made.rows.isEmpty)
            let empty = try await connection.query("SELECT a, 1 AS b FROM t", timeout: .seconds(60))
            #expect(empty.columns == ["a", "b"] && empty.rows.isEmpty)
            let nothing = try await connection.query("", timeout: .seconds(60))
            #expect(nothing.rows.isEmpty)
        }
    }

    @Test func `Ten thousand rows are the most by default; one more, or too many bytes, ends the connection`()
        async throws
    {
        try await withConnection { connection in
            let rows = try await connection.query("SELECT generate_series(1, 10000)", timeout: .seconds(60)).rows
            #expect(rows.count == 10_000)
            let more = await connection.outcome("SELECT generate_series(1, 10001)", timeout: .seconds(60))
            #expect(more.failure?.code == .tooLarge)
            #expect(!connection.isUsable)
            let after = await connection.outcome("SELECT 1")
            #expect(after.failure?.code == .unavailable)
        }
        try await withConnection { connection in
            do throws(PostgresError) {
                _ = try await connection.query(
                    "SELECT repeat('x', 1000) FROM generate_series(1, 10000000)", timeout: .seconds(60),
                    maximumRows: .max, maximumBytes: 1 << 20)
                Issue.record("ten gigabytes came")
            } catch {
                #expect(error.code == .tooLarge)
            }
        }
    }

    @Test func `A COPY ends the connection and not the program`() async throws {
        for sql in ["COPY (SELECT 1) TO STDOUT", "COPY pg_temp.t FROM STDIN"] {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t(a int)", timeout: .seconds(60))
                let copied = await connection.outcome(sql)
                #expect(copied.failure?.code == .lost)
                #expect(!connection.isUsable)
            }
        }
    }

    @Test func `A script runs its statements, and its error shows the line`() async throws {
        try await withConnection { connection in
            try await connection.execute(
                "CREATE TABLE t(a int); INSERT INTO t VALUES (1), (2); SELECT * FROM t; -- the end",
                timeout: .seconds(60))
            #expect(await connection.text("SELECT sum(a) FROM t") == "3")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.execute("INSERT INTO t VALUES (3);\n\nSELECT 'é',\n nope;", timeout: .seconds(60))
            }
            #expect(error?.description == #"column "nope" does not exist (line 4) (SQLSTATE 42703)"#)
            #expect(await connection.text("SELECT sum(a) FROM t") == "3")
        }
    }

    @Test func `After a transaction that failed, statements have their own time-outs`() async throws {
        try await withConnection { connection in
            _ = try await connection.query("SELECT 1", timeout: .seconds(10))
            try await connection.execute("BEGIN", timeout: .seconds(10))
            #expect(await connection.text("SHOW statement_timeout", timeout: .seconds(60)) == "53248ms")
            _ = await connection.outcome("SELECT 1/0", timeout: .seconds(60))
            let aborted = await connection.outcome("SELECT 1", timeout: .seconds(20))
            #expect(aborted.failure?.sqlState == "25P02")
            try await connection.execute("ROLLBACK", timeout: .seconds(60))
            #expect(await connection.text("SHOW statement_timeout", timeout: .seconds(60)) == "53248ms")
        }
    }

    @Test func `A description has types and columns; an error has the reason why there are none`() async throws {
        try await withConnection { connection in
            let description = try await connection.describe(
                "SELECT $2 AS key, to_jsonb(1) AS data WHERE 'x' = ANY($1)", parameterTypes: [1009, 25])
            #expect(description.parameterTypes == [1009, 25])
            #expect(description.columns == [.init(name: "key", type: 25), .init(name: "data", type: 3802)])
            let found = try await connection.describe("SELECT 1 WHERE $1 > 1.5 AND $2 = now()")
            #expect(found.parameterTypes == [1700, 1184])
            let nothing = try await connection.describe("CREATE TABLE never(a int)")
            #expect(nothing.columns.isEmpty)
            for (sql, sqlState) in [
                ("SELEC 1", "42601"), ("SELECT * FROM never", "42P01"), ("SELECT 1; SELECT 2", "42601"),
            ] {
                let error = await #expect(throws: PostgresError.self) { try await connection.describe(sql) }
                #expect(error?.sqlState == sqlState)
            }
            #expect(connection.isUsable)
        }
    }

    @Test func `Notices are logged and not printed`() async throws {
        try await withPostgres { url in
            let log = Recorder<String>()
            let connection = try await PostgresConnection.connect(
                to: try PostgresURL(url), timeout: .seconds(60), logger: log.logger)
            try await connection.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$", timeout: .seconds(60))
            #expect(log.all.count == 1)
            #expect(log.all.first?.hasPrefix("debug postgres: notice ") == true)
            #expect(log.all.first?.contains("NOTICE:  hello") == true)
        }
    }

    @Test func `The error of a refused connection has PostgreSQL's reason, without the password`() async throws {
        let postgres = try await SharedPostgres.postgres
        let url = try PostgresURL(postgres.url(database: "nowhere") + "&password=s3cret")
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(to: url, timeout: .seconds(60))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains(#"database "nowhere" does not exist"#) == true)
        #expect(error?.message.contains("s3cret") == false)
    }
}
