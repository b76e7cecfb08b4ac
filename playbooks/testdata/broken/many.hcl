playbook "p" {
  hosts = "control_plane"
}

task "copy" "t0" {
}
task "copy" "t1" {
}
task "copy" "t2" {
}
task "copy" "t3" {
}
task "copy" "t4" {
}
task "copy" "t5" {
}
task "copy" "t6" {
}
task "copy" "t7" {
}
task "copy" "t8" {
}
task "copy" "t9" {
}
task "copy" "t10" {
}
task "copy" "t11" {
}
task "copy" "t12" {
}
task "copy" "t13" {
}
task "copy" "t14" {
}
task "copy" "t15" {
}
task "copy" "t16" {
}
task "copy" "t17" {
}
task "copy" "t18" {
}
task "copy" "t19" {
}
task "copy" "t20" {
}
task "copy" "t21" {
}
task "copy" "t22" {
}
task "copy" "t23" {
}
task "copy" "t24" {
}
task "copy" "t25" {
}
task "copy" "t26" {
}
task "copy" "t27" {
}
task "copy" "t28" {
}
task "copy" "t29" {
}
