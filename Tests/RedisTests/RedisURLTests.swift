// Rollcall · RedisTests

import Redis
import Testing

@Suite("Redis URLs")
struct RedisURLTests {
    @Test("A scheme, a user, a password, a host, a port and a database are read")
    func full() throws {
        let url = try RedisURL("rediss://app:p%40ss%3A@cache.example:7000/3")
        #expect(url.address == .host("cache.example", port: 7000))
        #expect(url.isSecure)
        #expect(url.credentials == RedisCredentials(user: "app", password: "p@ss:"))
        #expect(url.database == 3)
    }

    @Test("What is left out has its usual value")
    func short() throws {
        let url = try RedisURL("redis://")
        #expect(url.address == .host("localhost", port: 6379))
        #expect(!url.isSecure)
        #expect(url.credentials == nil)
        #expect(url.database == 0)
        #expect(try RedisURL("redis://:only@h").credentials == RedisCredentials(password: "only"))
        #expect(try RedisURL("redis://h/?db=4").database == 4)
        #expect(try RedisURL("REDIS://h/").address == .host("h", port: 6379))
    }

    @Test("A unix socket has a path and may have a password and a database")
    func unixSocket() throws {
        let url = try RedisURL("redis+unix://:pw@/var/run/my%20redis.sock?db=2")
        #expect(url.address == .unixSocket(path: "/var/run/my redis.sock"))
        #expect(url.credentials == RedisCredentials(password: "pw"))
        #expect(url.database == 2)
    }

    @Test("An IPv6 address stands in brackets")
    func ipv6() throws {
        #expect(try RedisURL("redis://[::1]").address == .host("::1", port: 6379))
        #expect(try RedisURL("redis://[::1]:7001/1").description == "redis://[::1]:7001/1")
    }

    @Test("A password that holds an @ is taken whole")
    func atSign() throws {
        let url = try RedisURL("redis://:p@ss@h:1")
        #expect(url.credentials == RedisCredentials(password: "p@ss"))
        #expect(url.address == .host("h", port: 1))
    }

    @Test(
        "What is no Redis URL is refused, and the refusal does not repeat it",
        arguments: [
            "", "localhost:6379", "http://s3cret@h", "redis://s3cret@h", "redis://:s3cret@h:0",
            "redis://:s3cret@h:99999",
            "redis://:s3cret@h:port", "redis://:s3cret@h/x", "redis://:s3cret@h/-1", "redis://:s3cret@h/?name=1",
            "redis://:s3cret%zz@h", "redis://:s3cret%+1@h", "redis://:s3cret%f@h", "redis://:s3cret%ff@h",
            "redis://:s3cret#@h", "redis://:s3cret@[::1", "redis://:s3cret@[::1]x", "redis+unix://:s3cret@",
            "redis+unix://:s3cret@host/path",
        ])
    func refused(text: String) {
        let error = #expect(throws: RedisError.self) { try RedisURL(text) }
        #expect(error?.code == .invalidSettings)
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test("No description, dump or reflection shows a password")
    func secrecy() throws {
        for text in ["redis://app:s3cret@h:1/2", "rediss://:s3cret@h", "redis+unix://:s3cret@/tmp/x.sock?db=1"] {
            let url = try RedisURL(text)
            var dumped = ""
            dump(url, to: &dumped)
            dump(url.credentials, to: &dumped)
            let all = "\(url) \(String(reflecting: url)) \(String(reflecting: url.credentials)) \(dumped)"
            #expect(!all.contains("s3cret"))
            #expect("\(url)".contains("***@"))
        }
        #expect("\(try RedisURL("redis+unix:///tmp/x.sock?db=1"))" == "redis+unix:///tmp/x.sock?db=1")
    }
}
