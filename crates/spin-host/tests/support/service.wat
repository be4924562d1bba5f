;; A guest of wasi:http 0.3: it answers before its body is written, then writes "hello, 0.3" and the trailers.
;; States of the one task, in $state: 0 the body is being written, 1 the trailers are.
(module
  (import "wasi:http/types@0.3.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.3.0" "[static]response.new" (func $response (param i32 i32 i32 i32 i32)))
  (import "wasi:http/types@0.3.0" "[stream-new-0][static]response.new" (func $stream (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][stream-write-0][static]response.new"
    (func $write_stream (param i32 i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[stream-drop-writable-0][static]response.new" (func $end_stream (param i32)))
  (import "wasi:http/types@0.3.0" "[future-new-1][static]response.new" (func $future (result i64)))
  (import "wasi:http/types@0.3.0" "[async-lower][future-write-1][static]response.new"
    (func $write_future (param i32 i32) (result i32)))
  (import "wasi:http/types@0.3.0" "[future-drop-writable-1][static]response.new" (func $end_future (param i32)))
  (import "wasi:http/types@0.3.0" "[future-drop-readable-2][static]response.new" (func $ignore (param i32)))
  (import "[export]wasi:http/handler@0.3.0" "[task-return]handle"
    (func $answer (param i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "$root" "[waitable-set-new]" (func $set_new (result i32)))
  (import "$root" "[waitable-join]" (func $join (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello, 0.3")
  (global $state (mut i32) (i32.const 0))
  (global $set (mut i32) (i32.const 0))
  (global $body (mut i32) (i32.const 0))
  (global $trailers (mut i32) (i32.const 0))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)

  ;; WAIT on the set.
  (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))

  (func $write_trailers (result i32)
    (call $end_stream (global.get $body))
    (global.set $state (i32.const 1))
    ;; At 1024: ok(none).
    (if (i32.ne (call $write_future (global.get $trailers) (i32.const 1024)) (i32.const -1)) (then
      (call $end_future (global.get $trailers))
      (return (i32.const 0)))) ;; EXIT
    (call $join (global.get $trailers) (global.get $set))
    (call $wait))

  (func (export "[async-lift]wasi:http/handler@0.3.0#handle") (param $request i32) (result i32)
    (local $pair i64) (local $contents i32) (local $pending i32)
    (global.set $state (i32.const 0))
    (global.set $set (call $set_new))
    (local.set $pair (call $stream))
    (local.set $contents (i32.wrap_i64 (local.get $pair)))
    (global.set $body (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
    (local.set $pair (call $future))
    (local.set $pending (i32.wrap_i64 (local.get $pair)))
    (global.set $trailers (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
    (call $response (call $fields) (i32.const 1) (local.get $contents) (local.get $pending) (i32.const 512))
    (call $ignore (i32.load (i32.const 516)))
    (call $answer (i32.const 0) (i32.load (i32.const 512))
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.ne (call $write_stream (global.get $body) (i32.const 16) (i32.const 10)) (i32.const -1))
      (then (return (call $write_trailers))))
    (call $join (global.get $body) (global.get $set))
    (call $wait))

  (func (export "[callback][async-lift]wasi:http/handler@0.3.0#handle")
    (param $event i32) (param $waitable i32) (param $code i32) (result i32)
    (call $join (local.get $waitable) (i32.const 0))
    (if (i32.eqz (global.get $state)) (then (return (call $write_trailers))))
    (call $end_future (global.get $trailers))
    (i32.const 0)))
