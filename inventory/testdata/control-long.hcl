defaults {
  control_path = "/run/a-folder-with-quite-a-long-name/and-another-one-below-it-which-is-long-as-well/%h-%p-%r"
}
host "master1" { address = "master1.control-plane.example.org" }
