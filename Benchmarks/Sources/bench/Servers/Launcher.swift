// Rollcall · bench

import AllocationGuard
import Foundation
import LoadGenerator

/// Starts the measured servers on free ports of the loopback interface.
struct Launcher {
    /// The release build of rollcall.
    let program: String
    /// The folder of the sources.
    let root: String
    /// Whether nodes of rollcall count their allocations.
    var countsAllocations = false

    /// The path of this program; its command `floor` is a peer.
    static var ownProgram: String { Bundle.main.executablePath ?? CommandLine.arguments[0] }

    /// The library that counts allocations, built beside this program.
    static var counterLibrary: String {
        URL(fileURLWithPath: ownProgram).deletingLastPathComponent().path + "/libAllocationCounter.so"
    }

    /// - Parameters:
    ///   - arguments: Further arguments of each node of rollcall.
    ///   - environment: Further variables of each node of rollcall.
    func start(
        _ subject: Subject, nodes: Int = 1, arguments: [String] = [], environment: [String: String] = [:]
    ) throws(LoadError) -> Service {
        let scratch = try Scratch()
        switch subject {
        case .rollcall, .redis:
            let redis = try RedisServer(in: scratch)
            var started: [ServiceNode] = []
            if subject == .rollcall {
                for number in 0..<nodes { started.append(try rollcall(number, redis, scratch, arguments, environment)) }
            }
            return Service(subject, nodes: started, redis: redis, scratch: scratch)
        case .nchan:
            return Service(subject, nodes: [try nchan(scratch)], scratch: scratch)
        case .node:
            return Service(
                subject,
                nodes: [try server("node", ["\(root)/Benchmarks/Peers/presence.mjs"], probe: "/healthz", scratch)],
                scratch: scratch)
        case .floor:
            return Service(
                subject, nodes: [try server(Self.ownProgram, ["floor"], probe: "/healthz", scratch)], scratch: scratch)
        }
    }

    private func rollcall(
        _ number: Int, _ redis: RedisServer, _ scratch: Scratch, _ arguments: [String],
        _ environment: [String: String]
    ) throws(LoadError) -> ServiceNode {
        let port = try Sockets.freePort()
        let counts = scratch.file("allocations-\(number)")
        let counter = countsAllocations ? try AllocationCounter(file: counts) : nil
        let child = try Child(
            program, ["serve", "--open", "--port", "\(port)", "--redis-url", redis.url] + arguments,
            environment: countsAllocations
                ? environment.merging(AllocationCounter.environment(library: Self.counterLibrary, file: counts)) { $1 }
                : environment,
            log: scratch.file("rollcall-\(number).log"))
        try child.await { PlainHTTP.status("/readyz", port: port) == 200 }
        return ServiceNode(child: child, port: port, counter: counter)
    }

    /// A server that takes its port as its last argument.
    private func server(
        _ program: String, _ arguments: [String], probe: String, _ scratch: Scratch
    ) throws(LoadError) -> ServiceNode {
        let port = try Sockets.freePort()
        let child = try Child(program, arguments + ["\(port)"], log: scratch.file("server.log"))
        try child.await { PlainHTTP.status(probe, port: port) == 200 }
        return ServiceNode(child: child, port: port)
    }

    private func nchan(_ scratch: Scratch) throws(LoadError) -> ServiceNode {
        let port = try Sockets.freePort()
        let configuration = """
            load_module \(Subject.nchanModule);
            daemon off;
            worker_processes 1;
            pid \(scratch.file("nginx.pid"));
            error_log \(scratch.file("nginx.log")) warn;
            worker_rlimit_nofile \(OpenFiles.raise());
            events { worker_connections \(min(OpenFiles.raise(), 200_000)); }
            http {
                access_log off;
                nchan_shared_memory_size 256M;
                client_body_temp_path \(scratch.file("body"));
                proxy_temp_path \(scratch.file("proxy"));
                fastcgi_temp_path \(scratch.file("fastcgi"));
                uwsgi_temp_path \(scratch.file("uwsgi"));
                scgi_temp_path \(scratch.file("scgi"));
                keepalive_requests 1000000;
                server {
                    listen 127.0.0.1:\(port) backlog=4096;
                    location = /healthz { return 200; }
                    location = /publish {
                        nchan_publisher;
                        nchan_channel_id room;
                        nchan_message_buffer_length 1000;
                    }
                    location = /events {
                        nchan_subscriber eventsource;
                        nchan_channel_id room;
                        nchan_subscriber_first_message newest;
                    }
                }
            }
            """
        scratch.write(configuration, to: "nginx.conf")
        let child = try Child(
            "nginx", ["-p", scratch.path, "-e", scratch.file("nginx.log"), "-c", scratch.file("nginx.conf")],
            log: scratch.file("nginx.out"))
        try child.await { PlainHTTP.status("/healthz", port: port) == 200 }
        return ServiceNode(child: child, port: port)
    }
}
