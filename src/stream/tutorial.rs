//! pybgpstream's tutorial, example by example.
//!
//! There the broker finds the files; here they are named. `wget` or a mirror fetches them: the names of RIS, RouteViews and of
//! CAIDA's mirror are understood. What takes a script there is often a command line here, which is shown first.
//!
//! # Get familiar with the API
//!
//! Ten minutes of two collectors, one peer, and a prefix with its more specifics:
//!
//! ```sh
//! oxabgp stream -w '2017-07-07 00:00,2017-07-07 00:10' -f 'collector route-views.sg route-views.eqix and type updates
//!     and peer 11666 and prefix more 210.180.0.0/16' route-views*/
//! ```
//!
//! ```no_run
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder()
//!     .path("archive")?
//!     .between("2017-07-07 00:00", "2017-07-07 00:10")?
//!     .filter("collector route-views.sg route-views.eqix and type updates")?
//!     .filter("peer 11666 and prefix more 210.180.0.0/16")?
//!     .build()?;
//! for elem in stream.elems() {
//!     println!("{elem}");
//!     println!("{} {:?} {:?}", elem.collector(), elem.prefix(), elem.as_path().map(|path| path.to_string()));
//! }
//! # Ok::<(), oxabgp::stream::Error>(())
//! ```
//!
//! The same by records, each with its elems:
//!
//! ```no_run
//! use oxabgp::stream::Stream;
//!
//! for record in Stream::builder().path("archive")?.build()? {
//!     println!("{record}");
//!     for elem in record.elems() {
//!         println!("{}", record.display(elem));
//!     }
//! }
//! # Ok::<(), oxabgp::stream::Error>(())
//! ```
//!
//! # Prefixes with several origins
//!
//! ```sh
//! oxabgp stream -w '2015-08-01 07:50,2015-08-01 08:10' -f 'type ribs' --json rrc00/ |
//!     jq -r 'select(."origin-asn") | "\(.prefix) \(."origin-asn")"' | sort -u | awk '{n[$1]++; o[$1] = o[$1] " " $2}
//!     END {for (p in n) if (n[p] > 1) print p o[p]}'
//! ```
//!
//! ```no_run
//! use std::collections::{BTreeSet, HashMap};
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder().path("rrc00/bview.20150801.0800.gz")?.build()?;
//! let mut origins: HashMap<_, BTreeSet<_>> = HashMap::new();
//! for elem in stream.elems() {
//!     if let (Some(prefix), Some(origin)) = (elem.prefix(), elem.origin_asn()) {
//!         origins.entry(prefix).or_default().insert(origin);
//!     }
//! }
//! for (prefix, origins) in origins.iter().filter(|(_, origins)| origins.len() > 1) {
//!     println!("{prefix} {origins:?}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How much longer paths are than they need to be
//!
//! The shortest path of the graph of all adjacent ASes beside the shortest path that was announced; a breadth-first search takes
//! the place of networkx.
//!
//! ```no_run
//! use std::collections::{BTreeMap, BTreeSet, VecDeque};
//! use oxabgp::bgp::Asn;
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder().path("rrc00/bview.20150801.0800.gz")?.build()?;
//! let mut graph: BTreeMap<Asn, BTreeSet<Asn>> = BTreeMap::new();
//! let mut announced: BTreeMap<(Asn, Asn), usize> = BTreeMap::new();
//! for elem in stream.elems() {
//!     let Some(path) = elem.as_path() else { continue };
//!     let mut hops: Vec<Asn> = path.asns().collect();
//!     hops.dedup();
//!     if let (true, Some(&origin)) = (hops.len() > 1 && hops[0] == elem.peer_asn, hops.last()) {
//!         for pair in hops.windows(2) {
//!             graph.entry(pair[0]).or_default().insert(pair[1]);
//!             graph.entry(pair[1]).or_default().insert(pair[0]);
//!         }
//!         let best = announced.entry((elem.peer_asn, origin)).or_insert(usize::MAX);
//!         *best = hops.len().min(*best);
//!     }
//! }
//! let distances = |from: Asn| {
//!     let mut found = BTreeMap::from([(from, 1)]);
//!     let mut queue = VecDeque::from([from]);
//!     while let Some(one) = queue.pop_front() {
//!         let next = found[&one] + 1;
//!         for other in graph.get(&one).into_iter().flatten() {
//!             found.entry(*other).or_insert_with(|| {
//!                 queue.push_back(*other);
//!                 next
//!             });
//!         }
//!     }
//!     found
//! };
//! let peers: BTreeSet<Asn> = announced.keys().map(|(peer, _)| *peer).collect();
//! for peer in peers {
//!     let shortest = distances(peer);
//!     for ((_, origin), length) in announced.iter().filter(|((one, _), _)| *one == peer) {
//!         println!("{peer} {origin} {length} {:?}", shortest.get(origin));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which communities a prefix has
//!
//! ```sh
//! oxabgp stream -w '2015-08-01 07:50,2015-08-01 08:10' -f 'type ribs and peer 25152
//!     and prefix more 185.84.166.0/23 and community *:3400' rrc06/
//! ```
//!
//! ```no_run
//! use std::collections::{BTreeMap, BTreeSet};
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder()
//!     .path("rrc06")?
//!     .filter("type ribs and peer 25152 and prefix more 185.84.166.0/23 and community *:3400")?
//!     .build()?;
//! let mut prefixes: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
//! for elem in stream.elems() {
//!     for community in elem.community_texts() {
//!         prefixes.entry(community).or_default().extend(elem.prefix());
//!     }
//! }
//! for (community, prefixes) in prefixes {
//!     println!("{community} {prefixes:?}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Live data
//!
//! `project="ris-live"` there; here a build with the feature `ris-live`, or what a WebSocket client prints, one message a line:
//!
//! ```sh
//! oxabgp stream --ris-live -k 192.0.2.0/24
//! websocat 'wss://ris-live.ripe.net/v1/ws/' < subscription.json | oxabgp stream -
//! ```
//!
//! `project="routeviews-stream"` there; here a build with the feature `kafka`:
//!
//! ```sh
//! oxabgp stream --kafka stream.routeviews.org --kafka-topic '^routeviews\.amsix\..+\.bmp_raw' -k 192.0.2.0/24
//! ```
//!
#![cfg_attr(
    feature = "kafka",
    doc = r#"
```no_run
use oxabgp::stream::source::Kafka;
use oxabgp::stream::{Detection, Stream};

let topics = Kafka::new("stream.routeviews.org").topics(r"^routeviews\.amsix\..+\.bmp_raw");
let stream = Stream::builder().live(topics.start(Detection::On)?).filter("prefix more 192.0.2.0/24")?.build()?;
for elem in stream.elems() {
    println!("{} {:?}", elem.kind, elem.prefix());
}
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]
//! Routers that send BMP, which pybgpstream has only from Kafka:
//!
//! ```sh
//! oxabgp stream --bmp 0.0.0.0:11019 -f 'rib adj-in-pre and prefix more 192.0.2.0/24'
//! ```
//!
//! ```no_run
//! use oxabgp::stream::source::BmpListener;
//! use oxabgp::stream::{Detection, Stream};
//!
//! let routers = BmpListener::bind("0.0.0.0:11019")?.start(Detection::On)?;
//! let stream = Stream::builder().live(routers).filter("rib adj-in-pre")?.build()?;
//! for elem in stream.elems() {
//!     println!("{} {} {:?}", elem.router(), elem.kind, elem.prefix());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Reading one file, or a list of files
//!
//! `set_data_interface("singlefile")` and `"csvfile"` with their options there:
//!
//! ```no_run
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder().path("updates.20150801.0800.gz")?.list("files.csv")?.build()?;
//! println!("{} elems", stream.elems().count());
//! # Ok::<(), oxabgp::stream::Error>(())
//! ```
//!
//! # Several records in one thread, or in many
//!
//! The Spark examples give each file to a worker of its own. A [`Stream`](super::Stream) can be sent to another thread; build one per
//! file.
