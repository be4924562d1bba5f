//! A greeting, a greeting by name, and a line in the log.

use spin_sdk::{
    http::{Request, Response},
    http_component, variables,
};

#[http_component]
fn handle(request: Request) -> anyhow::Result<Response> {
    let path = request.path();
    let (status, text) = match path {
        "/" => (200, format!("Hello, {}!\n", variables::get("greetee")?)),
        "/log" => {
            println!("hello-rust: {} {path}", request.method());
            (200, "One line logged.\n".to_owned())
        }
        _ => match path.strip_prefix("/hello/") {
            Some(name) => (200, format!("Hello, {name}!\n")),
            None => (404, format!("Nothing at {path}. Try /, /hello/NAME or /log.\n")),
        },
    };
    Ok(Response::builder().status(status).header("content-type", "text/plain").body(text).build())
}
