use super::*;
use crate::engine::ports::{Batch, BodySource, Delivery, Local, Marker, Root, Staged};
use crate::mail::{Flags, Uid};
use crate::sim::content;
use crate::sim::world::hand::{flags, name};
use crate::sim::{World, block_on};

fn marker() -> Marker {
    Marker {
        id: "m".to_owned(),
        epoch: 0,
    }
}

fn made() -> World {
    let world = World::new(3);
    block_on(world.local.mark_root(&marker())).unwrap();
    for folder in ["INBOX", "Work"] {
        block_on(world.local.create_folder(&name(folder), &marker())).unwrap();
    }
    world
}

async fn taken(world: &World, number: u64) -> SimBatch {
    let body = content::mail(number);
    let mut delivery = world.local.deliver(&name("INBOX"));
    let uid = Uid::new(u32::try_from(number).unwrap()).unwrap();
    delivery
        .begin(uid, content::size(&body), 100, None)
        .await
        .unwrap();
    delivery.write(&body).await.unwrap();
    delivery.end().await.unwrap();
    delivery.cut()
}

async fn staged(world: &World, number: u64) -> Staged {
    let mut done = taken(world, number).await.durable().await.unwrap();
    done.pop().unwrap().1.unwrap()
}

fn in_tmp(world: &World) -> usize {
    world.local.folders_now()[&name("INBOX")].staged.len()
}

#[test]
fn what_is_not_durable_does_not_outlive_a_crash() {
    let world = made();
    let batch = block_on(taken(&world, 1));
    assert_eq!(in_tmp(&world), 1);
    world.restart(true);
    assert_eq!(in_tmp(&world), 0);
    let done = block_on(batch.durable()).unwrap();
    assert!(done[0].1.is_err(), "its file is gone");
    let _ = block_on(staged(&world, 2));
    world.restart(false);
    assert_eq!(in_tmp(&world), 1, "only a power cut can take it");
}

#[test]
fn what_programs_wrote_and_did_not_sync_may_be_gone_or_empty_after_a_power_cut() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..32 {
        let world = World::new(seed);
        block_on(world.local.mark_root(&marker())).unwrap();
        block_on(world.local.create_folder(&name("INBOX"), &marker())).unwrap();
        world.local.be_careless();
        world.filed("INBOX", 1, "");
        let file = world.local.files(&name("INBOX")).pop().unwrap();
        if seed >= 24 {
            block_on(world.local.inspect(&name("INBOX"), &[file])).unwrap();
        }
        world.restart(true);
        let folder = &world.local.folders_now()[&name("INBOX")];
        let left = folder.files.values().next().map(|file| file.unreadable);
        outcomes.insert((seed >= 24, left));
    }
    let expected = [
        (false, None),
        (false, Some(false)),
        (false, Some(true)),
        (true, Some(false)),
    ];
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn what_was_published_outlives_a_crash_and_what_was_cut_short_is_in_one_place() {
    for stop in 1..6 {
        let world = made();
        let both = [
            (block_on(staged(&world, 1)), Flags::new()),
            (block_on(staged(&world, 2)), flags("S")),
        ];
        world.steps.reset();
        world.steps.stop_at(stop, When::After);
        let done = block_on(world.local.publish(&name("INBOX"), &both));
        assert_eq!(done.is_ok(), stop > 3);
        world.restart(true);
        let files = world.local.files(&name("INBOX")).len();
        if stop > 2 {
            assert_eq!(files, 2, "the directory was synced");
        }
    }
}

#[test]
fn a_crash_may_take_back_renames_that_were_not_synced() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..16 {
        let world = World::new(seed);
        block_on(world.local.mark_root(&marker())).unwrap();
        block_on(world.local.create_folder(&name("INBOX"), &marker())).unwrap();
        let staged = block_on(staged(&world, 1));
        world.steps.reset();
        world.steps.stop_at(1, When::After);
        assert!(
            block_on(
                world
                    .local
                    .publish(&name("INBOX"), &[(staged, Flags::new())])
            )
            .is_err()
        );
        world.restart(true);
        outcomes.insert(world.local.files(&name("INBOX")).len());
    }
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_power_cut_may_leave_a_file_that_went_to_another_folder_in_either_in_both_or_in_none() {
    let mut outcomes = std::collections::BTreeSet::new();
    for seed in 0..64 {
        let world = World::new(seed);
        block_on(world.local.mark_root(&marker())).unwrap();
        for folder in ["INBOX", "Work"] {
            block_on(world.local.create_folder(&name(folder), &marker())).unwrap();
        }
        world.filed("INBOX", 1, "S");
        let files = world.local.files(&name("INBOX"));
        let moves = [(files[0].clone(), flags("S"))];
        world.steps.reset();
        world.steps.stop_at(1, When::After);
        let _ = block_on(world.local.relocate(&name("INBOX"), &name("Work"), &moves));
        world.restart(true);
        let count = |folder| world.local.files(&name(folder)).len();
        outcomes.insert((count("INBOX"), count("Work")));
    }
    let expected = [(0, 0), (0, 1), (1, 0), (1, 1)];
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn publishing_never_overwrites() {
    let world = made();
    let staged = block_on(staged(&world, 1));
    let other = content::mail(9);
    let file = world
        .local
        .deliver_file(&name("INBOX"), &other, &Flags::new());
    world.local.change_folder(&name("INBOX"), |folder| {
        let taken = folder.files.remove(&file).unwrap();
        folder.files.insert(staged.local.clone(), taken);
    });
    let done = block_on(
        world
            .local
            .publish(&name("INBOX"), &[(staged, Flags::new())]),
    )
    .unwrap();
    assert!(done[0].is_err());
    assert!(world.local.find(&name("INBOX"), &other).is_some());
}

#[test]
fn flags_come_and_go_by_name_and_hidden_keywords_are_not_seen() {
    let world = made();
    world.filed("INBOX", 1, "");
    let file = world.local.files(&name("INBOX")).pop().unwrap();
    let done = block_on(
        world
            .local
            .relabel(&name("INBOX"), &[(file.clone(), flags("SP Work"))]),
    );
    assert!(done.unwrap()[0].is_ok());
    let view = block_on(world.local.scan(&name("INBOX"))).unwrap();
    assert_eq!(view.files[0].flags, flags("SP"));
    world.local.delete(&name("INBOX"), &file);
    let done = block_on(world.local.relabel(&name("INBOX"), &[(file, flags("S"))])).unwrap();
    assert_eq!(done[0].as_ref().unwrap_err().reach, Reach::Message);
}

#[test]
fn relocating_keeps_name_and_inode() {
    let world = made();
    world.filed("INBOX", 1, "S");
    let before = block_on(world.local.scan(&name("INBOX"))).unwrap();
    let files = [(before.files[0].id.clone(), flags("SF"))];
    block_on(world.local.relocate(&name("INBOX"), &name("Work"), &files)).unwrap();
    let after = block_on(world.local.scan(&name("Work"))).unwrap();
    assert_eq!(after.files[0].id, before.files[0].id);
    assert_eq!(after.files[0].stamp, before.files[0].stamp);
    assert!(world.local.files(&name("INBOX")).is_empty());
}

#[test]
fn the_trash_takes_only_what_looks_as_it_did_and_gives_it_back() {
    let world = made();
    world.filed("INBOX", 1, "S");
    let view = block_on(world.local.scan(&name("INBOX"))).unwrap();
    let file = [(view.files[0].id.clone(), view.files[0].stamp)];
    let edited = world.local_edit(1);
    let done = block_on(world.local.trash(&name("INBOX"), &file, "2027-01-15")).unwrap();
    assert_eq!(done[0].as_ref().unwrap_err().reach, Reach::Message);
    let view = block_on(world.local.scan(&name("INBOX"))).unwrap();
    let file = [(view.files[0].id.clone(), view.files[0].stamp)];
    let done = block_on(world.local.trash(&name("INBOX"), &file, "2027-01-15")).unwrap();
    let path = done[0].as_ref().unwrap().clone();
    assert!(path.starts_with(b".mailferry-trash/2027-01-15/"));
    block_on(world.local.sweep("2027-01-15")).unwrap();
    block_on(world.local.untrash(&path, &name("Work"), &flags("S"))).unwrap();
    assert!(world.local.find(&name("Work"), &edited).is_some());
    assert!(world.local.trash_now().is_empty());
}

#[test]
fn an_open_file_that_changes_is_noticed_at_its_end() {
    let world = made();
    world.filed("INBOX", 1, "");
    let view = block_on(world.local.scan(&name("INBOX"))).unwrap();
    let (id, stamp) = (view.files[0].id.clone(), view.files[0].stamp);
    let mut body = block_on(world.local.open(&name("INBOX"), &id, stamp, true)).unwrap();
    let mut octets = block_on(body.next()).unwrap();
    octets.extend(block_on(body.next()).unwrap());
    assert_eq!(octets, content::mail(1).to_vec());
    world.local_edit(1);
    assert!(block_on(body.next()).is_err());
    assert!(block_on(world.local.open(&name("INBOX"), &id, stamp, true)).is_err());
}

#[test]
fn an_unmounted_disk_is_an_empty_root_without_marker() {
    let world = made();
    world.local.unmount();
    let root = block_on(world.local.root()).unwrap();
    assert_eq!(root, Root::Unmarked { empty: true });
    assert!(block_on(world.local.folders()).unwrap().is_empty());
    world.local.mount();
    assert_eq!(
        block_on(world.local.root()).unwrap(),
        Root::Marked(marker())
    );
}
