//! Accounts and vaults from the command line, against a service that runs in the test.
#![cfg(feature = "service")]

mod common;

use common::{Run, Setup, run};
use std::fs;
use std::process::Command;
use strongroom_server::{Config, Plan, Running, Service, admin};

const PASSWORD: &str = "a password that nobody else has";

/// A service, and machines of somebody who uses it.
struct World {
    setup: Setup,
    config: Config,
    running: Running,
}

impl World {
    fn start() -> Self {
        let setup = Setup::new();
        let folder = setup.path("service");
        fs::create_dir(&folder).unwrap();
        let mut config = Config::default();
        config.service.key_file = folder.join("service.key");
        config.listen.address = "127.0.0.1:0".parse().unwrap();
        config.database.url = format!("sqlite:{}", folder.join("accounts.sqlite").display());
        config.storage.folder = folder.join("objects");
        config.stretching.memory_kib = 19 * 1024;
        config.stretching.passes = 2;
        config.stretching.lanes = 1;
        config.plans = vec![Plan::free("large", 1 << 30), Plan::free("tiny", 100_000)];
        let running = Service::start(config.clone()).unwrap();
        World { setup, config, running }
    }

    /// The command on one of the machines, where no repository and no passphrase is named.
    fn command(&self, machine: &str) -> Command {
        let mut command = self.setup.command();
        command
            .env_remove("STRONGROOM_REPOSITORY")
            .env_remove("STRONGROOM_PASSPHRASE")
            .env("STRONGROOM_CACHE_DIR", self.setup.path(machine).join("cache"))
            .env("STRONGROOM_ACCOUNT_DIR", self.setup.path(machine).join("account"))
            .env("STRONGROOM_SERVICE", self.running.url())
            .env("STRONGROOM_ACCOUNT_PASSWORD", PASSWORD);
        command
    }

    fn run(&self, machine: &str, arguments: &[&str]) -> Run {
        run(self.command(machine).args(arguments))
    }

    /// The code that was mailed last.
    fn code(&self) -> String {
        let outbox = admin::run(self.config.clone(), &["outbox".to_owned()]).unwrap();
        let digits = |word: &&str| word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit());
        outbox.split(|character: char| !character.is_alphanumeric()).rfind(digits).unwrap().to_owned()
    }

    /// Registers somebody, and signs the machine `laptop` in.
    fn registered(plan: &str) -> Self {
        let world = World::start();
        let who = ["--first-name", "Kim", "--last-name", "Example", "--email", "kim@example.org", "--plan", plan];
        let registered = world.run("laptop", &[&["account", "register"][..], &who].concat()).expect(0);
        assert!(registered.out.contains("recovery code"), "{}", registered.out);
        assert!(!(registered.out + &registered.err).contains(PASSWORD));
        world.run("laptop", &["account", "confirm", "00000000"]).expect(11);
        world.run("laptop", &["account", "confirm", &world.code()]).expect(0);
        world.sign_in("laptop", "append,read,maintain,account").expect(0);
        world
    }

    fn sign_in(&self, machine: &str, grants: &str) -> Run {
        let arguments =
            ["account", "sign-in", "--email", "kim@example.org", "--device-name", machine, "--grants", grants];
        self.run(machine, &arguments)
    }
}

#[test]
fn a_repository_in_a_vault_is_written_by_one_device_and_read_by_another() {
    let world = World::registered("large");
    let place = ["--repository", "account:photos"];
    world.run("laptop", &[&place[..], &["snapshots"]].concat()).expect(2);
    let made = world.run("laptop", &[&place[..], &["init", "--json"]].concat()).expect(0);
    assert_eq!(made.object("summary")["operation"], "init");
    world.run("laptop", &[&place[..], &["init"]].concat()).expect(1);
    let source = world.setup.source();
    let source = source.to_str().unwrap();
    world.run("laptop", &[&place[..], &["backup", source]].concat()).expect(0);
    let again = world.run("laptop", &[&place[..], &["backup", source, "--json"]].concat()).expect(0);
    assert_eq!(again.object("summary")["new_bytes"], 0);

    world.sign_in("phone", "read").expect(0);
    let target = world.setup.path("restored");
    world.run("phone", &[&place[..], &["restore", "latest", "--target", target.to_str().unwrap()]].concat()).expect(0);
    assert_eq!(world.setup.differences("restored"), []);
    world.run("phone", &[&place[..], &["check", "--read-data"]].concat()).expect(0);
    // It may only read, and knows nothing of the account.
    world.run("phone", &[&place[..], &["backup", source]].concat()).expect(13);
    world.run("phone", &["account", "profile"]).expect(13);

    let usage = world.run("laptop", &["account", "usage", "--json"]).expect(0);
    assert!(usage.object("summary")["bytes"].as_u64().unwrap() > 1_000_000);
    assert_eq!(usage.object("vault")["name"], "photos");

    let devices = world.run("laptop", &["account", "devices", "--json"]).expect(0);
    let phone = devices.json().into_iter().find(|device| device["name"] == "phone").unwrap();
    let phone = phone["device"].as_str().unwrap().to_owned();
    world.run("laptop", &["account", "devices", "revoke", &phone[..10]]).expect(0);
    world.run("phone", &[&place[..], &["snapshots"]].concat()).expect(13);
}

#[test]
fn a_copy_goes_into_a_vault_and_out_of_it() {
    let world = World::registered("large");
    let folder = world.setup.repository();
    let folder = folder.to_str().unwrap();
    world.setup.run(["backup", "source"]).expect(0);
    world.run("laptop", &["-r", "account:second", "init"]).expect(0);
    let mut copy = world.command("laptop");
    copy.env("STRONGROOM_PASSPHRASE", common::PASSPHRASE);
    run(copy.args(["-r", folder, "copy", "--to", "account:second"])).expect(0);
    let target = world.setup.path("restored");
    world.run("laptop", &["-r", "account:second", "restore", "latest", "--target", target.to_str().unwrap()]).expect(0);
    assert_eq!(world.setup.differences("restored"), []);
}

#[test]
fn a_vault_of_a_full_plan_says_so_and_keeps_what_it_had() {
    let world = World::registered("tiny");
    let place = ["--repository", "account:photos"];
    world.run("laptop", &[&place[..], &["init"]].concat()).expect(0);
    let small = world.setup.path("small");
    fs::write(&small, "little").unwrap();
    world.run("laptop", &[&place[..], &["backup", small.to_str().unwrap()]].concat()).expect(0);
    let source = world.setup.source();
    let full = world.run("laptop", &[&place[..], &["backup", source.to_str().unwrap()]].concat()).expect(14);
    assert!(full.err.contains("quota"), "{}", full.err);
    let listed = world.run("laptop", &[&place[..], &["snapshots", "--json"]].concat()).expect(0);
    assert_eq!(listed.json().iter().filter(|object| object["type"] == "snapshot").count(), 1);
    world.run("laptop", &[&place[..], &["check", "--read-data"]].concat()).expect(0);
}

#[test]
fn an_account_is_looked_after() {
    let world = World::registered("large");
    world.sign_in("laptop", "read").expect(2);
    let profile = world.run("laptop", &["account", "profile", "--last-name", "Sample", "--json"]).expect(0);
    assert_eq!(profile.object("profile")["last_name"], "Sample");
    world.run("laptop", &["account", "profile", "--last-name", "4111 1111 1111 1111"]).expect(1);
    let plans = world.run("laptop", &["account", "plans", "--json"]).expect(0);
    assert_eq!(plans.json().iter().filter(|object| object["type"] == "plan").count(), 2);
    let vault =
        world.run("laptop", &["account", "vault", "create", "music", "--minimum-age", "30d", "--json"]).expect(0);
    assert_eq!(vault.object("summary")["name"], "music");
    assert!(world.run("laptop", &["account", "vault", "list"]).expect(0).out.contains("music"));
    world.run("laptop", &["-r", "account:nothing", "snapshots"]).expect(2);
    world.run("laptop", &["account", "vault", "delete", "music", "--email", "kim@example.org"]).expect(0);
    assert!(!world.run("laptop", &["account", "vault", "list"]).expect(0).out.contains("music"));

    let new = world.setup.path("new-password");
    fs::write(&new, "another that nobody has\n").unwrap();
    let new = new.to_str().unwrap();
    let change = ["account", "password", "--email", "kim@example.org", "--new-password-file", new];
    world.run("laptop", &change).expect(0);
    world.sign_in("phone", "read").expect(11);
    let sign_in = ["account", "sign-in", "--email", "kim@example.org", "--password-file", new];
    world.run("phone", &sign_in).expect(0);

    world.run("laptop", &["account", "sign-out"]).expect(0);
    world.run("laptop", &["account", "profile"]).expect(2);
    assert!(!world.setup.path("laptop/account/device.key").exists());
    world.run("phone", &["account", "profile"]).expect(0);
}
