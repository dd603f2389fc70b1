// Rollcall · PostgresTests

import Testing

@testable import Postgres

@Suite("PostgreSQL URLs")
struct PostgresURLTests {
    /// The parameters on a machine with libpq 16, and with the given files and variables only.
    private func parameters(
        _ text: String, environment: [String: String] = [:], files: Set<String> = [], libpq: Int = 160_000
    ) throws -> [String: String] {
        try PostgresURL(
            text,
            in: PostgresEnvironment(
                environment: { environment[$0] }, fileExists: { files.contains($0) }, libpqVersion: libpq)
        ).parameters
    }

    @Test func `A URL and libpq's own notation give the same parameters`() throws {
        for text in [
            "postgresql://app:p%40s%2Fs@db.example:5433/people?application_name=x",
            "postgres://app@db.example:5433/people?password=p%40s%2Fs&application_name=x",
            "host=db.example port=5433 dbname=people user=app password='p@s/s' application_name=x",
        ] {
            let parameters = try parameters(text)
            let named = ["host", "port", "dbname", "user", "password", "application_name"].map { parameters[$0] }
            #expect(named == ["db.example", "5433", "people", "app", "p@s/s", "x"])
        }
        #expect(try parameters("postgresql:///db?host=%2Ftmp%2Fx")["host"] == "/tmp/x")
        #expect(try parameters("host=h password=a://b@c@d/e@f")["password"] == "a://b@c@d/e@f")
        #expect(try parameters("postgres://h/db?user=me@there")["user"] == "me@there")
        #expect(try parameters("postgresql://a,b:1,[::1]:2/db")["host"] == "a,b,::1")
        #expect(try PostgresURL("postgresql://h?connect_timeout=7").connectTimeout == .seconds(7))
        #expect(try PostgresURL("postgresql://h?connect_timeout=0").connectTimeout == nil)
    }

    @Test(
        arguments: [
            "", "s3cret", "host=h s3cret", "postgres://u:s3cret@h:port", "postgres://u:s3cret@h:0", "host=h\0s3cret",
            "postgres://u:s3cret%zz@h", "postgres://h/db?s3cret", "postgres://h/db?s3cret=1", "s3cret=1",
            "postgres://u:s3@cret@h/db", "postgres://u:12/s3cret@h/db", "postgres://u:s3cret/x@h", "host='s3cret",
            "http://u:s3cret@h", "redis://:s3cret@h",
        ])
    func `A text that cannot be used is refused, and the error does not repeat it`(text: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresURL(text) }
        #expect(error?.code == .invalidURL)
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test(arguments: ["pgbouncer=true", "schema=public", "connection_limit=1", "currentSchema=x"])
    func `the parameter that libpq refuses is named, without its value`(parameter: String) {
        let parts = parameter.split(separator: "=").map(String.init)
        for text in ["postgresql://app:s3cret@h/app?\(parts[0])=s3cret", "host=h password=s3cret \(parts[0])=s3cret"] {
            let error = #expect(throws: PostgresError.self) { try PostgresURL(text) }
            #expect(error?.message.contains("\"\(parts[0])\"") == true)
            #expect(error?.message.contains("s3cret") == false)
        }
    }

    @Test(arguments: [
        ("postgres://h?sslmode=s3cret", "sslmode must be one of disable"),
        ("postgres://h?target_session_attrs=rw", "read-write"),
        ("postgres://h?connect_timeout=5s", "connect_timeout must be a whole number"),
        ("postgres://a,b,c:1,d:2/db?port=1,2", "2 ports for"), ("host=a,b hostaddr=1.2.3.4", "2 host and 1 hostaddr"),
        ("jdbc:postgresql://u:s3cret@h/d", "not jdbc:postgresql://"), ("mysql://u:s3cret@h/d", "not mysql://"),
        ("postgresql+asyncpg://u:s3cret@h/d", "must begin with postgresql://"), ("POSTGRES://h", "not POSTGRES://"),
    ])
    func `a fault that libpq finds only when it connects is found at once`(text: String, reason: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresURL(text) }
        #expect(error?.code == .invalidURL && error?.message.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.message.contains("s3cret") == false)
    }

    @Test func `a list of hosts is accepted, with one port or with one for each`() throws {
        let list = try parameters("postgresql://u@one:5432,two:5433,[::1]/db?target_session_attrs=read-write")
        #expect(list["host"] == "one,two,::1" && list["port"] == "5432,5433,")
        #expect(try parameters("host=a,b port=5433")["port"] == "5433")
        let url = try PostgresURL("postgresql://u:s3cret@one:5432,[::1]:5433/db")
        #expect("\(url)" == "postgresql://u:***@one:5432,[::1]:5433/db")
        #expect("\(try PostgresURL("postgres://[::1]/db"))" == "postgresql://[::1]/db")
    }

    @Test func `No description, dump or reflection shows a secret`() throws {
        for text in [
            "postgresql://app:s3cret@h:1/db?sslpassword=s3cret", "postgresql:///db?host=/tmp/x&password=s3cret",
            "host=h password=s3cret",
        ] {
            let url = try PostgresURL(text)
            var dumped = ""
            dump(url, to: &dumped)
            #expect(!"\(url) \(String(reflecting: url)) \(dumped)".contains("s3cret"))
        }
        #expect("\(try PostgresURL("postgres://app:s3cret@h:1/db"))" == "postgresql://app:***@h:1/db")
        #expect("\(try PostgresURL("host=/tmp/x dbname=db user=app"))" == "postgresql://app@/db?host=/tmp/x")
    }

    @Test(
        arguments: [
            "postgres://db.example/x", "postgres://10.0.0.1", "postgres://[fe80::1]", "postgres://127.evil.example",
            "postgres://localhost.example", "postgres://localhost,db.example", "host=/tmp,db.example",
            "hostaddr=10.0.0.1 host=localhost", "service=prod", "postgres://[::]", "postgres://1270.0.0.1",
        ])
    func `A server on another machine must have a certificate that is checked`(text: String) throws {
        let parameters = try parameters(text)
        #expect(parameters["sslmode"] == "verify-full")
        #expect(parameters["sslrootcert"] == "system")
    }

    @Test(
        arguments: [
            "postgres://", "postgres://localhost/x", "postgres://LOCALHOST", "postgres://127.0.0.1", "postgres://[::1]",
            "postgres://127.1.2.3", "postgresql:///db?host=/tmp/x", "host=@abstract",
            "hostaddr=127.0.0.1 host=db.example",
            "postgres://localhost,127.0.0.1,[::1]",
        ])
    func `A server on this machine needs no certificate`(text: String) throws {
        let parameters = try parameters(text)
        #expect(parameters["sslmode"] == nil)
        #expect(parameters["sslrootcert"] == nil)
    }

    @Test func `The rules for certificates hold also for a server that only the environment names`() throws {
        #expect(try parameters("postgres://", environment: ["PGHOST": "db.example"])["sslmode"] == "verify-full")
        #expect(try parameters("postgres://", environment: ["PGHOSTADDR": "10.0.0.1"])["sslmode"] == "verify-full")
        #expect(try parameters("postgres://", environment: ["PGSERVICE": "prod"])["sslmode"] == "verify-full")
        #expect(try parameters("postgres://", environment: ["PGHOST": "/tmp"])["sslmode"] == nil)
        #expect(try parameters("postgres://localhost", environment: ["PGHOST": "db.example"])["sslmode"] == nil)
    }

    @Test func `An sslmode in the text or in PGSSLMODE is kept`() throws {
        #expect(try parameters("postgres://h?sslmode=disable")["sslmode"] == "disable")
        #expect(try parameters("postgres://h?sslmode=require")["sslrootcert"] == nil)
        #expect(try parameters("postgres://h", environment: ["PGSSLMODE": "require"])["sslmode"] == nil)
        #expect(
            try parameters("postgres://h?sslmode=verify-full", environment: ["PGSSLMODE": "disable"])["sslmode"]
                == "verify-full")
        #expect(try parameters("postgres://h", environment: ["PGSSLMODE": "verify-full"])["sslrootcert"] == "system")
    }

    @Test func `Authorities are the named ones, else the user's, else the system's`() throws {
        #expect(try parameters("postgres://h?sslrootcert=/own.pem")["sslrootcert"] == "/own.pem")
        #expect(try parameters("postgres://h", environment: ["PGSSLROOTCERT": "/own.pem"])["sslrootcert"] == nil)
        let home = ["HOME": "/home/me"]
        let own: Set = ["/home/me/.postgresql/root.crt"]
        #expect(try parameters("postgres://h", environment: home, files: own)["sslrootcert"] == nil)
        let bundle = "/etc/ssl/certs/ca-certificates.crt"
        #expect(try parameters("postgres://h", files: [bundle], libpq: 150_020)["sslrootcert"] == bundle)
        #expect(try parameters("postgres://h", libpq: 150_020)["sslrootcert"] == nil)
    }

    @Test func `Keep-alive and the application name have defaults, and the encoding is always UTF-8`() throws {
        let usual = try parameters("postgres://h?client_encoding=LATIN1")
        let keywords = [
            "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout",
            "fallback_application_name", "client_encoding",
        ]
        #expect(keywords.map { usual[$0] } == ["30", "10", "3", "10000", "rollcall", "UTF8"])
        #expect(try parameters("postgres://h?keepalives_idle=5")["keepalives_idle"] == "5")
        let environment = ["PGCONNECT_TIMEOUT": "4"]
        #expect(try parameters("postgres://h", environment: environment)["connect_timeout"] == "4")
    }
}
