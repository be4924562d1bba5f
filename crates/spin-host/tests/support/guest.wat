;; A guest that answers by the second letter of its path:
;;   /v  the value of the variable `greeting`
;;   /t  a trap         /n  no answer       /l  an endless loop
;;   /m  grows its memory until it can't, then traps
;;   /b  begins its answer, streams a little, and traps
;;   else "hello", and a line on its standard output
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $send (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "fermyon:spin/variables@2.0.0" "get" (func $get (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello")
  (data (i32.const 32) "a line\n")
  (data (i32.const 48) "greeting")
  (global $free (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; Sends the head; the stream of the body, at 1024 the body.
  (func $begin (param $out i32) (result i32)
    (local $r i32)
    (local.set $r (call $response (call $fields)))
    (call $body (local.get $r) (i32.const 1020))
    (call $set (local.get $out) (i32.const 0) (local.get $r)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (i32.load (i32.const 1024)) (i32.const 1032))
    (i32.load (i32.const 1036)))

  (func $answer (param $out i32) (param $text i32) (param $len i32)
    (local $s i32)
    (local.set $s (call $begin (local.get $out)))
    (call $send (local.get $s) (local.get $text) (local.get $len) (i32.const 1048))
    (call $drop_stream (local.get $s))
    (call $finish (i32.load (i32.const 1024)) (i32.const 0) (i32.const 0) (i32.const 1064)))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $req i32) (param $out i32)
    (local $letter i32) (local $s i32) (local $n i32)
    (call $path (local.get $req) (i32.const 1080))
    (local.set $letter (i32.load8_u offset=1 (i32.load (i32.const 1084))))
    (if (i32.eq (local.get $letter) (i32.const 118)) (then ;; v
      (call $get (i32.const 48) (i32.const 8) (i32.const 1200))
      (if (i32.load8_u (i32.const 1200)) (then unreachable))
      (call $answer (local.get $out) (i32.load (i32.const 1204)) (i32.load (i32.const 1208)))
      return))
    (if (i32.eq (local.get $letter) (i32.const 116)) (then unreachable)) ;; t
    (if (i32.eq (local.get $letter) (i32.const 110)) (then return)) ;; n
    (if (i32.eq (local.get $letter) (i32.const 108)) (then (loop br 0))) ;; l
    (if (i32.eq (local.get $letter) (i32.const 109)) (then ;; m
      (loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      unreachable))
    (if (i32.eq (local.get $letter) (i32.const 98)) (then ;; b
      (local.set $s (call $begin (local.get $out)))
      (loop
        (call $send (local.get $s) (i32.const 0) (i32.const 4096) (i32.const 1048))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 64))))
      unreachable))
    (call $send (call $stdout) (i32.const 32) (i32.const 7) (i32.const 1048))
    (call $answer (local.get $out) (i32.const 16) (i32.const 5)))
)
