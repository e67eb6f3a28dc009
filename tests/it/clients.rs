//! The commands of `docs/clients.md`, run as they are.

use std::process::Command;

use holdfast::clock::Clock;
use holdfast_tests::World;

const GUIDE: &str = include_str!("../../docs/clients.md");
const DEMO: &str = include_str!("../../local/demo-directory.json");

/// The blocks of a language, chapter by chapter.
fn blocks(language: &str) -> Vec<(&'static str, &'static str)> {
    let chapters = GUIDE.split("\n## ").skip(1);
    chapters
        .flat_map(|chapter| {
            let title = chapter.lines().next().unwrap();
            let fence = format!("```{language}\n");
            let blocks: Vec<&str> = chapter.split(fence.as_str()).skip(1).collect();
            blocks
                .into_iter()
                .map(move |block| (title, block.split("```").next().unwrap()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_shell_command_is_answered_as_the_guide_says() {
    let directory = serde_json::from_str(DEMO).unwrap();
    let world = World::live(directory).await;
    let demo = holdfast_local::demo_directory().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for (title, block) in blocks("sh") {
        // The one command that is not curl's: the code that a phone shows.
        let code = demo
            .totp_secret("admin")
            .unwrap()
            .code_at(Clock::System.now())
            .clone();
        let script = block.replace("cargo run -q -- totp admin", &format!("echo {code}"));
        let (url, folder) = (world.url(""), scratch.path().to_owned());
        let run = tokio::task::spawn_blocking(move || {
            Command::new("bash")
                .args(["-euc", &script])
                .current_dir(folder)
                .env("API", url)
                .env("NO_PROXY", "*")
                .output()
                .unwrap()
        });
        let output = run.await.unwrap();
        assert!(output.status.success(), "{title}: {output:?}");
        said.push((title, String::from_utf8(output.stdout).unwrap()));
    }
    let of = |title: &str| {
        let found = said.iter().find(|(known, _)| *known == title);
        found.map(|(_, text)| text.as_str()).unwrap()
    };
    assert!(
        of("Session Delivery Manager").contains("HTTP/1.1 204"),
        "{said:?}"
    );
    assert_eq!(
        of("Aktion.NEXT").matches("Processed with result: ExecOK").count(),
        2,
        "{said:?}"
    );
    assert!(
        of("Netwrix Privilege Secure").contains("\"locked\":true"),
        "{said:?}"
    );
    let unattended = of("A script that signs in unattended");
    assert!(unattended.contains("\"title\":\"Nightly backup\""), "{said:?}");
    assert!(unattended.contains("{\"changed\":true,\"fence\":1}"), "{said:?}");
}
