//! Seeded changes of a small corpus: the bounded run of a fuzz target on the stable toolchain. A failure prints the seed and
//! the step, which give the same input again.

const SEED: u64 = 0x05EE_D0FF_10E5;
const BYTES_MAX: usize = 64 * 1_024;

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

fn changed(random: &mut Random, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len());
        let to = (at + random.below(64)).min(data.len());
        match random.below(7) {
            0 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            1 => data.truncate(at),
            2 => drop(data.drain(at..to)),
            3 => drop(data.splice(at..at, words[random.below(words.len())].bytes())),
            4 => {
                let piece: Vec<u8> = data[at..to].repeat(1 + random.below(40));
                drop(data.splice(at..at, piece));
            }
            5 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                let until = (from + random.below(256)).min(other.len());
                drop(data.splice(at..to, other[from..until].iter().copied()));
            }
            _ if !data.is_empty() => data[at] = u8::try_from(random.below(256)).unwrap(),
            _ => {}
        }
    }
    data.truncate(BYTES_MAX);
    data
}

/// Asks a target for the corpus, and then for `steps` changes of it; `HOOKMILL_FUZZ_STEPS` asks for more, and
/// `HOOKMILL_FUZZ_FROM` for those from a step that failed.
#[track_caller]
pub fn run(target: fn(&[u8]), corpus: &[Vec<u8>], words: &[&str], steps: usize) {
    let wanted = std::env::var("HOOKMILL_FUZZ_STEPS").ok().and_then(|steps| steps.parse().ok());
    let seed = std::env::var("HOOKMILL_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let from = std::env::var("HOOKMILL_FUZZ_FROM").ok().and_then(|step| step.parse().ok()).unwrap_or(0);
    corpus.iter().for_each(|data| target(data));
    let mut random = Random(seed);
    for step in 0..wanted.unwrap_or(steps) {
        let data = changed(&mut random, corpus, words);
        if step < from {
            continue;
        }
        let begun = std::time::Instant::now();
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "seed {seed:#x}, step {step}: {}", String::from_utf8_lossy(&data));
        assert!(begun.elapsed().as_secs() < 30, "seed {seed:#x}, step {step} took {:?}", begun.elapsed());
    }
}
