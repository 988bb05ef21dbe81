//! Rebuilds the server when the interface was built again, or for the first time.

fn main() {
    println!("cargo:rerun-if-changed=../../ui/dist");
}
